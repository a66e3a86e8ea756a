"""Names, parameters, and that listing them costs no import of torch."""

import subprocess
import sys

import pytest

from autopq.errors import InputError
from autopq.quantiles import registry


@pytest.mark.parametrize("name", registry.names())
def test_every_name_creates_a_model_of_that_name(name):
    model = registry.create(name)
    assert model.name == name
    assert model.params == type(model).defaults()
    assert model.has_spread == (model.spread is not None)


def test_unknown_names_and_parameters_are_refused_with_what_is_there():
    with pytest.raises(InputError, match="cinn_published"):
        registry.create("magic")
    with pytest.raises(InputError, match=r"no such parameter.*max_windows"):
        registry.create("residual", windows=3)


def test_listing_names_imports_no_torch():
    code = "import sys, autopq.quantiles.registry as r; r.names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
