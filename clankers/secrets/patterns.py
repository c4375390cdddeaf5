"""What credentials look like: the detectors of detect-secrets for shapes, and some of our own in its form.

Left out of the library's: what guesses (high entropy, keywords), addresses, Artifactory (`APACHELICENSE` would be one
of its passwords) and npm (takes the rest of the line). Nothing is asked over the network: only the patterns are used.
"""

import re
from typing import NamedTuple

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.cloudant import CloudantDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.softlayer import SoftlayerDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

_KEY_LINES = r"(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"


def _detector(*patterns: str) -> RegexBasedDetector:
    """A detector of our own."""

    class Ours(RegexBasedDetector):
        secret_type = "ours"  # noqa: S105 (a name)
        denylist = tuple(re.compile(pattern) for pattern in patterns)

    return Ours()


class Shape(NamedTuple):
    """A kind of credential.

    Attributes:
        kind: as it is counted, and named in the mask.
        detector: whose patterns find it.
        literals: one of them stands in or before every such credential: a cheap look.
        confirm: for literals that are frequent: what must be found as well; also a cheap look.
        anchored: whether each literal begins the credential, which is then all that the pattern matches and whatever of
            a token follows it; else the patterns are searched around it, and a group in them is the credential.
    """

    kind: str
    detector: RegexBasedDetector
    literals: tuple[str, ...]
    confirm: re.Pattern[bytes] | None = None
    anchored: bool = True


def _near(kind: str, detector: RegexBasedDetector, *literals: str, confirm: str = "") -> Shape:
    return Shape(kind, detector, literals, re.compile(confirm.encode()) if confirm else None, anchored=False)


SHAPES = (
    Shape(
        "private-key",
        # The library knows a block by its first line; what is to go is the block, or as much of it as was printed.
        _detector(
            rf'-----BEGIN {_KEY_LINES}[^"]{{40,20000}}?-----END {_KEY_LINES}',
            rf"-----BEGIN {_KEY_LINES}(?:[\s'+>|\u2192]*+(?:\d{{1,4}}[\t\u2192])?[A-Za-z0-9+/=]{{16,}}+)++",
            r'PuTTY-User-Key-File-\d:[^"]{40,20000}?Private-MAC: *[0-9a-f]+',
        ),
        ("-----BEGIN ", "PuTTY-User-Key-File-"),
    ),
    Shape("anthropic", _detector(r"sk-ant-[A-Za-z0-9_-]{20,}"), ("sk-ant-",)),
    Shape("openrouter", _detector(r"sk-or-(?:v\d-)?[A-Za-z0-9]{32,}"), ("sk-or-",)),
    Shape("openai", OpenAIDetector(), ("sk-",), re.compile(rb"T3BlbkFJ")),
    Shape(
        "openai", _detector(r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}"), ("sk-proj-", "sk-svcacct-", "sk-admin-")
    ),
    Shape(
        "google",
        _detector(r"AIza[A-Za-z0-9_-]{35}", r"GOCSPX-[A-Za-z0-9_-]{28}", r"ya29\.[A-Za-z0-9_-]{20,}"),
        ("AIza", "GOCSPX-", "ya29."),
    ),
    Shape("huggingface", _detector(r"(?:hf|api_org)_[A-Za-z0-9]{34}"), ("hf_", "api_org_")),
    Shape("groq", _detector(r"gsk_[A-Za-z0-9]{40,}"), ("gsk_",)),
    Shape("xai", _detector(r"xai-[A-Za-z0-9]{60,}"), ("xai-",)),
    Shape("github", GitHubTokenDetector(), ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    Shape("github", _detector(r"github_pat_[A-Za-z0-9_]{40,}"), ("github_pat_",)),
    Shape(
        "gitlab",
        GitLabTokenDetector(),
        (
            "glpat-",
            "gldt-",
            "glft-",
            "glsoat-",
            "glrt-",
            "GR1348941",
            "glcbt-",
            "glimt-",
            "glptt-",
            "glagent-",
            "gloas-",
        ),
    ),
    Shape("npm", _detector(r"npm_[A-Za-z0-9]{36}"), ("npm_",)),
    _near("npm", _detector(r"_authToken\s*=\s*'?([A-Fa-f0-9-]{36})(?![\w-])"), "_authToken"),
    Shape("pypi", PypiTokenDetector(), ("pypi-",)),
    Shape("aws", AWSKeyDetector(), ("AKIA", "ASIA", "ABIA", "ACCA", "A3T")),
    _near("aws", AWSKeyDetector(), "aws", "AWS", "Aws", confirm=r"[0-9a-zA-Z/+]{40}"),
    _near(
        "aws",  # the library wants quotes, which an environment has not
        _detector(
            r"(?i:secret_?access_?key)['\"]*\s*[:=,]\s*['\"]*([0-9a-zA-Z/+]{40})(?![0-9a-zA-Z/+=])",
            r"(?i:aws_?(?:session|security)_?token)['\"]*\s*[:=,]\s*['\"]*([0-9a-zA-Z/+=]{60,})",
        ),
        *("ccess_key", "CCESS_KEY", "ccessKey", "ession_token", "ESSION_TOKEN", "essionToken", "CURITY_TOKEN"),
        confirm=r"[0-9a-zA-Z/+]{40}",
    ),
    _near("azure", AzureStorageKeyDetector(), "AccountKey="),
    _near(
        "basic-auth",
        BasicAuthDetector(),
        "://",
        # `<password>` and the like in a text about it are none; a quote would end the string that this stands in.
        confirm=r"://[^\s/:@]+:[^\s/:@]+@",
    ),
    _near("cloudant", CloudantDetector(), "cloudant", "CLOUDANT"),
    _near(
        "discord",
        DiscordBotTokenDetector(),
        ".",
        confirm=r"\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",
    ),
    _near("ibm", IbmCloudIamDetector(), "ibm", "IBM"),  # without that word it would be any 44 letters behind a `key=`
    _near("ibm", IbmCosHmacDetector(), "ibm", "IBM", "cos_hmac", "COS_HMAC"),
    Shape("jwt", JwtTokenDetector(), ("eyJ",), re.compile(rb"eyJ[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]")),
    _near("mailchimp", MailchimpDetector(), "-us", confirm=r"-us\d"),
    Shape("sendgrid", SendGridDetector(), ("SG.",)),
    Shape("slack", SlackDetector(), ("xox", "https://hooks.slack.com/services/")),
    _near("softlayer", SoftlayerDetector(), "softlayer", "SOFTLAYER"),
    Shape("square", SquareOAuthDetector(), ("sq0csp-",)),
    Shape("stripe", StripeDetector(), ("sk_live_", "rk_live_")),
    _near("telegram", TelegramBotTokenDetector(), ":AA", confirm=r"\d{8}:AA"),
    *(Shape("twilio", TwilioKeyDetector(), (at,), re.compile(at.encode() + rb"[a-z0-9]{32}")) for at in ("AC", "SK")),
    Shape("artifactory", _detector(r"AKCp[A-Za-z0-9]{10,}"), ("AKCp",)),
)
