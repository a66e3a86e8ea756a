"""Which training methods a task compares, for each kind of network it may train.

Names and refusals are plain data here, so that a request is judged without loading a network.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

# forecaster: networks that forecast points; cinn: flows; quantile: networks with one output a
# quantile level.
Stage = Literal["forecaster", "cinn", "quantile"]
STAGES: tuple[Stage, ...] = get_args(Stage)

MethodName = Literal[
    "backprop",
    "last_layer_only",
    "block_local",
    "f3",
    "forward_gradient",
    "oialr",
    "local_sgd",
    "ab_training",
]

# The components that hold a network of each stage, the usual one first.
NETWORKS: dict[Stage, tuple[str, ...]] = {
    "forecaster": ("mlp", "nhits", "deepar", "tft"),
    "cinn": ("cinn_residual", "cinn_additive", "cinn_published"),
    "quantile": ("mlp_quantile", "mlp_season_quantile"),
}

# What no network of a stage can be trained by; what one of several cannot has its own reason there.
REFUSED: dict[Stage, dict[str, str]] = {
    "forecaster": {},
    "cinn": {
        "f3": "a likelihood has no output error to feed back; use block_local",
        "last_layer_only": "every block of a flow changes the density; use block_local",
    },
    "quantile": {
        "block_local": "its layers form a chain, and blocks in a chain have no loss of their own; "
        "use f3"
    },
}

# What each method may be told beyond its name: the arguments of its class.
_PHASES = frozenset({"warmup", "period", "full_steps", "rebound_steps", "group_size"})
_WHOLE = frozenset({"cutoff", "keep_first", "keep_last", "full_rank"})
OPTIONS: dict[MethodName, frozenset[str]] = {
    "backprop": frozenset(),
    "last_layer_only": frozenset(),
    "block_local": frozenset(),
    "f3": frozenset({"error", "signal", "feedback", "feedback_scale"}),
    "forward_gradient": frozenset(
        {
            "tangents",
            "perturbation",
            "aggregation",
            "scale",
            "distribution",
            "orthonormal",
            "per_sample",
            "exact_output",
            "chunk_size",
        }
    ),
    "oialr": _WHOLE | {"delay", "updates", "max_cut", "layer_step"},
    "local_sgd": _PHASES,
    "ab_training": _WHOLE | _PHASES | {"merge_mode", "least_break_even"},
}

# Methods about what ranks send each other: one rank is nothing to them.
_NEEDS_RANKS = ("local_sgd", "ab_training")
_LEAST_RANKS = 2
MAX_RANKS = 16
MAX_METHODS = 12


class TrainingMethodChoice(BaseModel):
    """A training method with its settings. A name alone stands for its defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: MethodName
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="Options of the method, such as `cutoff`."
    )
    ranks: int | None = Field(
        None,
        ge=1,
        le=MAX_RANKS,
        description="Processes on this machine that share the samples; when not given, 2 for "
        "ab_training and local_sgd and 1 for all others.",
    )

    @model_validator(mode="after")
    def _known_options(self) -> "TrainingMethodChoice":
        known = OPTIONS[self.name]
        unknown = sorted(self.options.keys() - known)
        if unknown:
            raise ValueError(
                f"{self.name} has no option {', '.join(unknown)}; "
                f"known: {', '.join(sorted(known)) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _enough_ranks(self) -> "TrainingMethodChoice":
        if self.name in _NEEDS_RANKS and self.world_size < _LEAST_RANKS:
            raise ValueError(f"{self.name} needs at least {_LEAST_RANKS} ranks")
        return self

    @property
    def world_size(self) -> int:
        """The number of processes that train."""
        return self.ranks or (_LEAST_RANKS if self.name in _NEEDS_RANKS else 1)

    @property
    def label(self) -> str:
        """The name and what was asked for beyond it, such as `f3(feedback=identity)`."""
        asked = {} if self.ranks is None else {"ranks": self.ranks}
        settings = ", ".join(f"{key}={value}" for key, value in {**asked, **self.options}.items())
        return f"{self.name}({settings})" if settings else self.name

    def params(self) -> dict[str, Any]:
        """As parameters of a forecaster or quantile model."""
        return {
            "training_method": self.name,
            "training_options": dict(self.options),
            "training_ranks": self.world_size,
        }


def _listed(value: Any) -> Any:
    """One method or several, each by name or with settings, as a list of settings."""
    values = value if isinstance(value, list | tuple) else [value]
    if not values:
        raise ValueError("name at least one training method, or leave the stage out")
    return [{"name": item} if isinstance(item, str) else item for item in values]


Methods = Annotated[
    tuple[TrainingMethodChoice, ...],
    Field(max_length=MAX_METHODS),
    BeforeValidator(
        _listed,
        json_schema_input_type=MethodName
        | TrainingMethodChoice
        | list[MethodName | TrainingMethodChoice],
    ),
]


class TrainingMethods(BaseModel):
    """The methods to compare at each stage: one name, or a list of names or settings.

    `{"forecaster": ["backprop", "f3"], "cinn": "oialr"}`; a stage not given is trained by
    backprop.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    forecaster: Methods | None = Field(None, description="Of point forecasters that are networks.")
    cinn: Methods | None = Field(None, description="Of the flows behind the cinn models.")
    quantile: Methods | None = Field(None, description="Of networks that give quantiles directly.")

    @model_validator(mode="after")
    def _applicable(self) -> "TrainingMethods":
        for stage in STAGES:
            chosen = self.of(stage) or ()
            for choice in chosen:
                reason = REFUSED[stage].get(choice.name)
                if reason is not None:
                    raise ValueError(f"{choice.name} cannot train the stage '{stage}': {reason}")
            labels = [choice.label for choice in chosen]
            twice = sorted({label for label in labels if labels.count(label) > 1})
            if twice:
                raise ValueError(f"{', '.join(twice)} is listed twice in '{stage}'")
        return self

    @property
    def most_ranks(self) -> int:
        """The largest number of processes that train together."""
        chosen = (choice for stage in STAGES for choice in self.of(stage) or ())
        return max((choice.world_size for choice in chosen), default=1)

    def of(self, stage: Stage) -> tuple[TrainingMethodChoice, ...] | None:
        """The methods of a stage; None when nothing was asked for."""
        found: tuple[TrainingMethodChoice, ...] | None = getattr(self, stage)
        return found
