"""What a control request says, and what is answered to one that makes no sense."""

import math
import re

import pytest

from demo import acts, chaos, shop
from demo.acts import Act, BadAct
from demo.joining import ROOT


@pytest.mark.parametrize(
    ("target", "act"),
    [
        ("/dead?for=30", Act("dead", for_s=30)),
        ("/slow?delay_ms=900&share=50", Act("slow", delay_ms=900, share=50)),
        ("/failing?caller=orders-2", Act("failing", caller="orders-2")),
        ("/healthy", Act()),
    ],
)
def test_a_request_is_an_act(target: str, act: Act) -> None:
    assert acts.read(target) == act


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/sick", "'sick' is no mode; expected one of healthy, slow, failing, dead"),
        ("/slow?for=long", "for is 'long'; expected a number from 0 to 86400"),
        ("/failing?share=101", "share is '101'; expected a number from 0 to 100"),
        ("/failing?shares=10", "'shares' is no setting; expected for, share, delay_ms, caller"),
        ("/slow?for=nan", "for is 'nan'; expected a number from 0 to 86400"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(target: str, said: str) -> None:
    with pytest.raises(BadAct) as refused:
        acts.read(target)
    assert str(refused.value) == said


def test_chaos_asks_for_what_the_dependencies_understand() -> None:
    for plan, length in ((chaos.OPENING, chaos.OPENING_S), (chaos.ROUND, chaos.ROUND_S)):
        for at, dependency, act in plan:
            assert dependency in shop.DEPENDENCIES
            assert acts.read(act.target()) == act
            assert not math.isinf(act.for_s)
            assert at + act.for_s < length


def test_an_act_is_told_in_words() -> None:
    assert (
        str(Act("failing", for_s=20, share=60, caller="orders-2"))
        == "fails for 60 % of the calls of orders-2, 20 s long"
    )


def test_the_documented_requests_are_understood() -> None:
    controls = {str(dependency.port + 1) for dependency in shop.DEPENDENCIES.values()}
    told = re.findall(r"curl -X POST 'http://127\.0\.0\.1:(\d+)(/[^']+)'", (ROOT / "docs" / "demo.md").read_text())
    assert len(told) == 6
    for port, target in told:
        assert port in controls
        acts.read(target)
