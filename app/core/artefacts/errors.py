"""What may be wrong with an artefact or its store."""


class ArtefactError(Exception):
    """Base of the errors of stores."""


class MissingArtefactError(ArtefactError):
    """The store has no artefact of this name, or has it only in part."""


class DamagedArtefactError(ArtefactError):
    """What the store has is not what was put there."""


class StoreUnavailableError(ArtefactError):
    """The store does not answer, or refuses to."""
