"""What stands before the API that is deployed: what is the same for all is cached there, and nothing else."""

import re

import pytest

from tests.packages import Document, Package, methods

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # source: CloudFront Developer Guide, managed policies
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


@pytest.fixture
def behaviours(arm: Package) -> list[Document]:
    """What CloudFront does with paths, in the order in which it looks; the last takes all."""
    config = arm.template["Resources"]["Edge"]["Properties"]["DistributionConfig"]
    return [*config["CacheBehaviors"], {**config["DefaultCacheBehavior"], "PathPattern": "*"}]


def behaviour_of(behaviours: list[Document], path: str) -> Document:
    """Return the first behaviour whose pattern fits: `*` is any text, slashes too, `?` any character."""
    for each in behaviours:
        pattern = re.escape(each["PathPattern"]).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(pattern, path):
            return each
    raise AssertionError(path)


def is_shared(behaviour: Document) -> bool:
    """Tell whether answers are kept for others."""
    return bool(behaviour["CachePolicyId"] != CACHING_DISABLED)


def test_what_is_the_same_for_all_is_cached_and_nothing_else(arm: Package, behaviours: list[Document]) -> None:
    shared = set()
    for path, method, said in methods(arm):
        asked = path.replace("{saleId}", "queue-of-reservations")  # an id that looks like something else
        behaviour = behaviour_of(behaviours, asked)
        assert method in behaviour["AllowedMethods"], f"{method} {path} does not come through"
        if is_shared(behaviour):
            assert (method, said.get("security")) == ("GET", None), f"{path} is somebody's own"
            shared.add(path)
    assert shared == {"/api/v1/sale", "/api/v1/seats", "/api/v1/sales/{saleId}", "/api/v1/sales/{saleId}/seats"}


def test_shared_answers_are_kept_as_long_as_they_say_two_seconds_at_most(arm: Package) -> None:
    policy = arm.template["Resources"]["PublicAnswers"]["Properties"]["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["DefaultTTL"] <= 2, policy["MaxTTL"]) == (0, True, 2)
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
    assert key["HeadersConfig"] == {"HeaderBehavior": "none"}
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}


def test_a_shared_answer_is_asked_for_without_anybodys_token(behaviours: list[Document]) -> None:
    for each in behaviours:
        if is_shared(each):  # only what is in the key is forwarded then
            assert "OriginRequestPolicyId" not in each
        else:
            assert each["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST  # API Gateway answers to its own name


def test_nobody_reaches_the_api_unencrypted(arm: Package, behaviours: list[Document]) -> None:
    assert {each["ViewerProtocolPolicy"] for each in behaviours} == {"redirect-to-https"}
    (origin,) = arm.template["Resources"]["Edge"]["Properties"]["DistributionConfig"]["Origins"]
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert origin["OriginPath"] == "/live"
