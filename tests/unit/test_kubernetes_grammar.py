"""Kubernetes' grammars, by the tables of Kubernetes' own tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowinfra.compiler.driver import kubernetes_grammar as grammar

_NAMES = ("a", "ab", "abc", "a1", "a-1", "a--1--2--b", "0", "01", "012", "1a", "1-a", "1--a--b--2")
_NO_NAMES = (
    *(
        "",
        "A",
        "ABC",
        "aBc",
        "A1",
        "A-1",
        "1-A",
        "-",
        "a-",
        "-a",
        "1-",
        "-1",
        "_",
        "a_",
        "_a",
        "a_b",
        "1_",
        "_1",
        "1_2",
    ),
    *(".", "a.", ".a", "1.", ".1", " ", "a ", " a", "a b", "1 ", " 1", "1 2", "a\n"),
)
_FULL = "f" * 64

GOOD: dict[str, tuple[str, ...]] = {
    # k8s.io/apimachinery/pkg/util/validation/validation_test.go of 1.34: TestIsDNS1123Label, …Subdomain,
    # TestIsQualifiedName, TestIsValidLabelValue
    "dns_label": (*_NAMES, "a" * 63),
    "dns_subdomain": (*_NAMES, "a.a", "ab.a", "a--1--2--b.a", "0.1", "a.b.c.d.e", "11.22.33.44.55", "a" * 253),
    "key": (
        *("simple", "now-with-dashes", "1-starts-with-num", "1234", "simple/simple", "now-with-dashes/now-with-dashes"),
        *("now.with.dots/simple", "now-with.dashes-and.dots/simple", "1-num.2-num/3-num", "1234/5678", "1.2.3.4/5678"),
        *("Uppercase_Is_OK_123", "example.com/Uppercase_Is_OK_123", "requests.storage-foo", "a" * 63),
        "a" * 253 + "/" + "b" * 63,
    ),
    "annotation_key": ("Example.com/abc", "prometheus.io/port"),
    "label_value": ("simple", "now-with-dashes", "1-starts-with-num", "end-with-num-1", "1234", "a" * 63, ""),
    # envVarNameFmt, and the examples that its message gives
    "variable": ("my.env-name", "MY_ENV.NAME", "MyEnvName1", "_a", "-a", ".a"),
    # pkg/apis/core/helper/helpers_test.go: TestIsExtendedResourceName, TestIsStandardContainerResourceName
    "resource": (
        *("cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "hugepages-1Gi", "pod.alpha.kubernetes.io/opaque"),
        *("example.com/dongle", "nvidia.com/gpu", "kubernetes.io/resource-foo"),
    ),
    # github.com/distribution/reference/reference_test.go: TestReferenceParse
    "image": (
        *("test_com", "test.com:tag", "test.com:5000", "test.com/repo:tag", "test:5000/repo", "test:5000/repo:tag"),
        *(f"test:5000/repo@sha256:{_FULL}", f"test:5000/repo:tag@sha256:{_FULL}", "lowercase:Uppercase"),
        *("a/" * 127 + "a:tag-puts-this-over-max", "sub-dom1.foo.com/bar/baz/quux:some-long-tag"),
        *(
            "xn--n3h.com/myimage:xn--n3h.com",
            "foo/foo_bar.com:8080",
            "192.168.1.1:5000/repo:5050",
            "[2001:db8::1]/repo",
        ),
    ),
}
BAD: dict[str, tuple[str, ...]] = {
    "dns_label": (*_NO_NAMES, "a.b", "1.2", "a" * 64),
    "dns_subdomain": (*_NO_NAMES, "a..b", "1..2", "A.a", "ab.A", "a.B.c.d.e", "a@b", "a,b", "a;b", "a:b", "a" * 254),
    "key": (
        *("nospecialchars%^=@", "cantendwithadash-", "-cantstartwithadash-", "only/one/slash", "Example.com/abc"),
        *("example_com/abc", "example.com/", "/simple", "a" * 64, "a" * 254 + "/abc", "", "simple\n"),
    ),
    "annotation_key": ("only/one/slash", "a b"),
    "label_value": (
        *("nospecialchars%^=@", "Tama-nui-te-rā.is.Māori.sun", "\\backslashes\\are\\bad", "-starts-with-dash"),
        *("ends-with-dash-", ".starts.with.dot", "ends.with.dot.", "a" * 64, "a\n"),
    ),
    "variable": ("", "1a", "a b", "a=b", ".", "..", "..a", "ä", "a\n"),
    "resource": ("dongle", "example.com/", "/dongle", "requests.example.com/dongle", "a b/c", "nvidia.com/" + "a" * 64),
    "image": (
        *("", ":justtag", f"@sha256:{_FULL}", "repo@sha256:" + "f" * 34, f"validname@invaliddigest:{_FULL}"),
        *("Uppercase:tag", "test:5000/Uppercase/lowercase:tag", "domain/" + "a" * 256 + ":tag", "aa/asdf$$^/aa"),
        *(" python", "python:3.11\n", "python:{{ tag }}"),
    ),
}


def cases(table: dict[str, tuple[str, ...]]) -> list[Any]:
    return [pytest.param(name, text, id=f"{name}-{text[:20]!r}") for name, texts in table.items() for text in texts]


def judged(name: str) -> Callable[[str], bool]:
    found: Callable[[str], bool] = getattr(grammar, name)
    return found


@pytest.mark.parametrize(("name", "text"), cases(GOOD))
def test_what_kubernetes_takes(name: str, text: str) -> None:
    assert judged(name)(text)


@pytest.mark.parametrize(("name", "text"), cases(BAD))
def test_what_kubernetes_refuses(name: str, text: str) -> None:
    assert not judged(name)(text)


# k8s.io/apimachinery/pkg/api/resource/quantity_test.go of 1.34: TestQuantityParse, and its list `invalid`
@pytest.mark.parametrize(
    ("text", "amount"),
    [
        *(("0", 0), ("0n", 0), ("0Ki", 0), ("1", 1), ("1Ki", 1024), ("8Ki", 8192), ("7Mi", 7 * 1024**2)),
        *(("6Gi", 6 * 1024**3), ("5Ti", 5 * 1024**4), ("4Pi", 4 * 1024**5), ("3Ei", 3 * 1024**6), ("5n", 5e-9)),
        *(("4u", 4e-6), ("3m", 3e-3), ("9", 9), ("8k", 8e3), ("50k", 5e4), ("7M", 7e6), ("6G", 6e9), ("5T", 5e12)),
        *(("2P", 2e15), ("1E", 1e18), ("1E-3", 1e-3), ("1e3", 1e3), ("1E6", 1e6), ("1.3E+6", 1.3e6), ("0.5e-2", 5e-3)),
        *(("100.035k", 100035), ("0.0005k", 0.5), ("10.035M", 10035000), ("1.01E", 1.01e18), ("0.5Mi", 524288)),
        *((".001", 1e-3), (".0001k", 0.1), ("1.", 1), ("1.G", 1e9), ("-1", -1), ("+1k", 1000)),
        *((2, 2), (0.5, 0.5)),
    ],
)
def test_a_quantity(text: Any, amount: float) -> None:
    assert grammar.amount(text) == pytest.approx(amount)


@pytest.mark.parametrize(
    "text",
    [
        *("1.1.M", "1+1.0M", "0.1mi", "0.1am", "aoeu", ".5i", "1i", "-3.01i", "-3.01e-", " 1", "1 ", ""),
        *("1_0", "inf", "nan", "1e+20M", "1e", "1.5Zi", "٣", True, None, [1]),
    ],
)
def test_no_quantity(text: Any) -> None:
    assert grammar.amount(text) is None
