"""The browser's side of the live road."""

from tests.live.node import run_node_tests


def test_the_store_and_its_socket() -> None:
    run_node_tests()
