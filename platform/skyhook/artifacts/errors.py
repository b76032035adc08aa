"""Errors of artifacts."""

from skyhook.errors import Forbidden, NotFound, SkyhookError


class ArtifactGone(NotFound):
    """The artifact expired, or was deleted while it was read."""

    code = "ARTIFACT_GONE"
    status = 410


class ArtifactTooLarge(SkyhookError):
    """The content is larger than an artifact may be, or than may be read at once."""

    code = "ARTIFACT_TOO_LARGE"
    status = 413


class ArtifactQuotaExceeded(SkyhookError):
    """The organization's artifacts would be larger together than they may be."""

    code = "ARTIFACT_QUOTA_EXCEEDED"
    status = 413


class ArtifactTypeMismatch(SkyhookError):
    """The content is of another media type than was said."""

    code = "ARTIFACT_TYPE_MISMATCH"
    status = 415


class ArtifactLinkInvalid(Forbidden):
    """The link is not one that this server signed."""

    code = "ARTIFACT_LINK_INVALID"


class ArtifactLinkExpired(SkyhookError):
    """The link was good until a time that has passed."""

    code = "ARTIFACT_LINK_EXPIRED"
    status = 410


class StorageFull(SkyhookError):
    """The disk is full."""

    code = "STORAGE_FULL"
    status = 507
    retryable = True


class StorageUnavailable(SkyhookError):
    """The store of the artifacts does not do what it is asked."""

    code = "STORAGE_UNAVAILABLE"
    status = 503
    retryable = True


class ProvenanceFailed(SkyhookError):
    """A file cannot be signed, or what it says about itself cannot be read."""

    code = "PROVENANCE_FAILED"
    status = 500
