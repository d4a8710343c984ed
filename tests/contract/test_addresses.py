"""No special-purpose address of IANA's registries, v4 or v6, passes for a public one, however it is spelled."""

from __future__ import annotations

import ipaddress

import pytest

from contract.addresses import Reach, is_loopback, is_public, read_networks
from tests.tally import tried

pytestmark = pytest.mark.pure
# The registries of 2026-11 row by row, then multicast and what clouds keep at odd places.
SPECIAL = """
0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29
192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24
192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4
255.255.255.255/32 224.0.0.0/4 232.0.0.0/8 239.0.0.0/8
169.254.169.254/32 169.254.170.2/32 100.100.100.200/32 192.0.0.192/32 168.63.129.16/32
::1/128 ::/128 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128
2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28
2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
fd00:ec2::254/128 fd20:ce::254/128 ::7f00:1/128 ::ffff:127.0.0.1/128 ::ffff:8.8.8.8/128 64:ff9b::7f00:1/128
64:ff9b::a9fe:a9fe/128 2002:7f00:1::/128 2002:a9fe:a9fe::/128 ::ffff:0:127.0.0.1/128
""".split()
NO_ADDRESS = [
    "", " ", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "127.0.0.1:5060", "[::1]",
    "fe80::1%eth0", "2a00:1450::1%1", "１２７.0.0.1", "127.0.0.01", "8.8.8.8 ", "8.8.8.8/32", "a.b.c.d", "1.2.3", "\x00",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "198.17.255.255",
          "198.20.0.0", "203.0.114.9", "223.255.255.255", "168.63.129.17", "2a00:1450:4001::1", "2001:200::1", "2606:4700::1111"]  # fmt: skip


def test_the_first_and_last_address_of_every_special_block_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    looked_at = 0
    for text in SPECIAL:
        network = ipaddress.ip_network(text)
        for address in {network[0], network[-1], network[network.num_addresses // 2]}:
            looked_at += 1
            assert not is_public(str(address)), address
    for text in NO_ADDRESS:
        looked_at += 1
        assert not is_public(text) and not is_loopback(text), text
    tried(capsys, looked_at, 150, "special addresses and odd spellings")


@pytest.mark.parametrize("address", PUBLIC)
def test_what_borders_on_them_is_public(address: str) -> None:
    assert is_public(address) and not is_loopback(address)


def test_a_private_network_is_reached_when_the_deployer_lists_it_and_no_other() -> None:
    reach = Reach(read_networks(" 10.20.0.0/16, fd00:1::/32 192.168.7.9 "))
    for address in ("10.20.255.255", "fd00:1::9", "192.168.7.9", "8.8.8.8"):
        assert reach.allows(address) and reach.is_listed(address) is (address != "8.8.8.8")
    for address in (
        "10.21.0.0",
        "192.168.7.8",
        "127.0.0.1",
        "169.254.169.254",
        "fd00:2::1",
        "::ffff:10.20.0.1",
        *NO_ADDRESS,
    ):
        assert not reach.allows(address), address
    assert not Reach().allows("10.20.0.1") and Reach(loopback=True).allows("127.0.0.1")
    assert read_networks("") == read_networks(" , ") == ()


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.0/24", "0.0.0.0/0", "10.0.0.0/7", "127.0.0.0/8", "169.254.169.254", "169.254.0.0/16", "::/0", "fe80::/10", "::1",
        "10.20.0.1/16", "10.20", "pbx.example", "10.20.0.0/33", "224.0.0.0/4",
    ],
)  # fmt: skip
def test_a_network_that_is_not_private_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(ValueError, match=text.replace(".", r"\.")):
        read_networks(f"10.1.0.0/16,{text}")
