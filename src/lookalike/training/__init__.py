"""Training: distilling the encoder in the box, and exporting what `encoders` loads."""
