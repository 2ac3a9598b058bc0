"""The AWS emulator keeps the latest messages, and not every one for ever."""

import boto3
from moto import mock_aws
from moto.ses.models import RawMessage, ses_backends
from moto.sns.models import sns_backends

from ops.local.aws_emulator import forget

REGION, ACCOUNT = "eu-west-1", "123456789012"


@mock_aws
def test_of_all_messages_only_the_latest_are_kept() -> None:
    sns, ses = boto3.client("sns", region_name=REGION), boto3.client("ses", region_name=REGION)
    topic = sns.create_topic(Name="events")["TopicArn"]
    ses.verify_email_identity(EmailAddress="sale@example.com")
    for number in range(5):
        sns.publish(TopicArn=topic, Message=f"event {number}")
        sns.publish(PhoneNumber="+4915112345678", Message=f"text {number}")
        mail = f"From: sale@example.com\nTo: ann@example.com\nSubject: mail {number}\n\n."
        ses.send_raw_email(RawMessage={"Data": mail})
    forget(2)
    kept = sns_backends[ACCOUNT][REGION]
    assert [text for _, text, *_ in kept.topics[topic].sent_notifications] == ["event 3", "event 4"]
    assert [text for _, text in kept.sms_messages.values()] == ["text 3", "text 4"]
    assert ["mail 3" in each.raw_data for each in ses_backends[ACCOUNT][REGION].sent_messages] == [True, False]
    assert len(RawMessage.instances_tracked) == 2  # type: ignore[attr-defined]


@mock_aws
def test_an_account_without_messages_stays_as_it_is() -> None:
    boto3.client("sns", region_name=REGION).create_topic(Name="events")
    forget()
    assert len(sns_backends[ACCOUNT][REGION].topics) == 1
