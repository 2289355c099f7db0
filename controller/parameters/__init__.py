"""Parameters of meters: payment mode and groups, as dated versions with a way back."""
