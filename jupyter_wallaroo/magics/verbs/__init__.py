"""One module per verb or small family; `jupyter_wallaroo.magics.registry` names them."""
