"""JupyterLab and Notebook 7 in a real browser; each needs chromium, playwright, notebook and the built extension."""
