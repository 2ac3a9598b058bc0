"""An e-mail as it travels: the bytes that SES is given. Knows neither who sends them nor what they say."""

from email.message import EmailMessage
from email.policy import SMTP

from functions.messages import Mail

# RFC 5322 and 2045: lines end in CR LF, and all is 7-bit, as SES asks of what it is given as it stands.
_POLICY = SMTP.clone(cte_type="7bit")


def composed(sender: str, address: str, content: Mail, headers: dict[str, str]) -> bytes:
    """Return a mail of plain text to one address. SES itself adds the date and the Message-ID.

    Raises ValueError for what no header may hold, such as the end of a line.
    """
    message = EmailMessage(policy=_POLICY)
    for name, text in {"From": sender, "To": address, "Subject": content.subject, **headers}.items():
        message[name] = text
    message.set_content(content.body)
    return message.as_bytes()
