"""Client certificates for people: a key that never leaves this machine, signed by a CertificateSigningRequest."""
