"""The models of the desk, where Django looks for them."""

from desk.privacy.models import ErasureCertificate

__all__ = ["ErasureCertificate"]
