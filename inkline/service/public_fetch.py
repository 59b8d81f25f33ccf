"""Files from web addresses in requests: from the public internet alone, never from inside the server's own network.

A name is resolved once, every address it has is checked, and the connection goes to the address that was checked, so
that a name server that answers differently a moment later gains nothing. Redirects are followed by the same rule.
"""

import ipaddress
import socket

import httpx

from inkline.errors import SourceError
from inkline.io.url import download
from inkline.options import ReadOptions

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Networks that are not public, though some versions of the standard library take them for that.
_OTHERS = ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20", "5f00::/16", "fec0::/10")
AZURE_HOST = "168.63.129.16/32"
NOT_PUBLIC = tuple(map(ipaddress.ip_network, (*_OTHERS, AZURE_HOST)))


def fetch_public(url: str, options: ReadOptions) -> bytes:
    """The content of an http(s) address on the public internet.

    Errors: SourceError for an address that is not public, no answer, an error status or a slow one; TooLargeError above
    `max_source_bytes`.
    """
    # Without the environment's proxies: they would do the resolving.
    return download(url, options, _request, trust_env=False)


def _request(client: httpx.Client, url: httpx.URL) -> httpx.Request:
    """A request to the checked address of a URL's host, under the host's own name, also for its certificate."""
    if url.scheme not in ("http", "https") or not url.host:
        raise SourceError(f"{url}: only http and https addresses are fetched")
    if url.userinfo:
        raise SourceError(f"{url.host}: an address with a user name in it is not fetched")
    host = url.raw_host.decode("ascii")
    address = public_address(host, url.port or (443 if url.scheme == "https" else 80))
    headers = {"Host": url.netloc.decode("ascii")}
    return client.build_request("GET", url.copy_with(host=address), headers=headers, extensions={"sni_hostname": host})


def public_address(host: str, port: int) -> str:
    """The first address of a host; SourceError when it has none, or any that is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceError(f"{host}: no such host") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(ipaddress.ip_address(a.partition("%")[0])) for a in addresses):
        raise SourceError(f"{host}: only public addresses are fetched, and this is not one")
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, also by the IPv4 address that an IPv6 one carries."""
    inner = _carried(address) if isinstance(address, ipaddress.IPv6Address) else None
    if inner is not None:
        return is_public(inner)
    odd = address.is_multicast or address.is_reserved or address.is_link_local
    return address.is_global and not odd and not any(address in network for network in NOT_PUBLIC)


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that traffic to an IPv6 address ends at: mapped, 6to4, Teredo or NAT64."""
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
