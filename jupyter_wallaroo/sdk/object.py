"""What can go wrong in the client, under the names that the tutorials import from ``wallaroo.object``.

::

    WallarooError
    ├── EntityNotFoundError = NotFound (LookupError)
    │   └── ConnectionNotFound                   also a RequiredAttributeMissing (A26)
    ├── RequiredAttributeMissing                 an object lacks what it cannot be without
    ├── CommunicationError (ConnectionError)     nobody answers at the server's address
    │   └── RequestTimeoutError                  not in time; also a DeadlineExceeded
    ├── ModelUploadError                         a file was not taken as a model
    │   ├── ModelRefused                         also an InvalidModel
    │   ├── ModelConversionError                 the server could not make it ready
    │   └── ModelConversionTimeoutError          also a DeadlineExceeded
    ├── OrchestrationUploadFailed                an archive was not taken as an orchestration; also an InvalidUpload
    │   └── OrchestrationMissingFile             there is none
    ├── OrchestrationPackagingError              the server could not make an orchestration ready
    │   └── OrchestrationPackagingTimeoutError   not in time; also a DeadlineExceeded
    ├── DeploymentError                          a pipeline does not run, or does not end
    │   └── WaitForDeployError                   also a DeadlineExceeded
    ├── RunError                                 a run of a step graph did not end well, or not in time
    ├── SessionError                             a session could not be launched
    └── InferenceError                           an inference gave no result
        ├── InferenceInputError                  also an InvalidInput
        ├── InferenceTimeoutError                also a DeadlineExceeded
        └── EngineError                          also an EngineFailure

Everything else that the server refuses keeps its class from `jupyter_wallaroo.errors`: Conflict for a name that is
taken, Unauthenticated for a wrong token, and so on.
"""

from __future__ import annotations

from jupyter_wallaroo.errors import (
    Conflict,
    DeadlineExceeded,
    EngineFailure,
    Forbidden,
    InvalidInput,
    InvalidModel,
    InvalidRequest,
    InvalidUpload,
    NotFound,
    Unauthenticated,
    Unavailable,
    WallarooError,
)

__all__ = [
    "CommunicationError",
    "Conflict",
    "ConnectionNotFound",
    "DeadlineExceeded",
    "DeploymentError",
    "EngineError",
    "EntityNotFoundError",
    "Forbidden",
    "InferenceError",
    "InferenceInputError",
    "InferenceTimeoutError",
    "InvalidRequest",
    "ModelConversionError",
    "ModelConversionTimeoutError",
    "ModelRefused",
    "ModelUploadError",
    "OrchestrationMissingFile",
    "OrchestrationPackagingError",
    "OrchestrationPackagingTimeoutError",
    "OrchestrationUploadFailed",
    "RequestTimeoutError",
    "RequiredAttributeMissing",
    "RunError",
    "SessionError",
    "Unauthenticated",
    "Unavailable",
    "WaitForDeployError",
    "WallarooError",
]

EntityNotFoundError = NotFound


class RequiredAttributeMissing(WallarooError):
    """An object lacks an attribute it cannot be without."""


class ConnectionNotFound(EntityNotFoundError, RequiredAttributeMissing):
    """No connection has the name; the tutorials catch it as either of its bases (S5-13)."""


class CommunicationError(WallarooError, ConnectionError):
    """Nobody answers at the server's address."""


class UnreachedError(CommunicationError):
    """No connection could be made, so nothing was sent."""


class RequestTimeoutError(CommunicationError, DeadlineExceeded):
    """The server did not answer within the time that the client gave it."""


class ModelUploadError(WallarooError):
    """A file was not taken as a model."""


class ModelRefused(ModelUploadError, InvalidModel):
    """The uploaded file, or what was said of it, is not a model that the server can run."""


class ModelConversionError(ModelUploadError):
    """The server could not make an uploaded model ready to run."""


class ModelConversionTimeoutError(ModelUploadError, DeadlineExceeded):
    """An uploaded model was not ready in time; it may still become so."""


class OrchestrationUploadFailed(InvalidUpload):
    """The uploaded archive, or what was said of it, is not an orchestration that the server can run."""


class OrchestrationMissingFile(OrchestrationUploadFailed):
    """There is no archive to upload."""


class OrchestrationPackagingError(WallarooError):
    """The server could not make an uploaded orchestration ready to run."""


class OrchestrationPackagingTimeoutError(OrchestrationPackagingError, DeadlineExceeded):
    """An uploaded orchestration was not ready in time; it may still become so."""


class DeploymentError(WallarooError):
    """A pipeline does not run, or does not end; says the server's reason."""


class WaitForDeployError(DeploymentError, DeadlineExceeded):
    """A pipeline was not running, or not ended, in time; it may still come to that."""


class RunError(WallarooError):
    """A run of a step graph did not end well, or not in time; says the first step's reason."""


class SessionError(WallarooError):
    """A session could not be launched; says the server's reason."""


class InferenceError(WallarooError):
    """An inference gave no result."""


class InferenceInputError(InferenceError, InvalidInput):
    """The data does not fit what the pipeline's model expects."""


class InferenceTimeoutError(InferenceError, DeadlineExceeded):
    """An inference took longer than its ``timeout``."""


class EngineError(InferenceError, EngineFailure):
    """The engine failed over an inference; the server's log says more."""
