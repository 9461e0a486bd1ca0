"""The models of the desk, where Django looks for them."""

from desk.privacy.models import (
    ErasureCertificate,
    PrivacyRequest,
    RequestChange,
    RetentionRule,
)

__all__ = ["ErasureCertificate", "PrivacyRequest", "RequestChange", "RetentionRule"]
