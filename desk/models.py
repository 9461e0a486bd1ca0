"""The models of the desk, where Django looks for them."""

from desk.merging.models import Merge, PossibleDuplicate
from desk.privacy.models import (
    ErasureCertificate,
    PrivacyRequest,
    RequestChange,
    RetentionRule,
)

__all__ = [
    "ErasureCertificate",
    "Merge",
    "PossibleDuplicate",
    "PrivacyRequest",
    "RequestChange",
    "RetentionRule",
]
