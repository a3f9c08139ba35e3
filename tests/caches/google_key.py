"""The JSON key of a Google service account, as its console would hand it out."""

import json

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, plain).decode()


def key_file(key: str, token_uri: str = "https://oauth2.googleapis.com/token") -> str:
    """Its text, with the private key `key` as PEM."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "shop",
            "private_key_id": "k1",
            "private_key": key,
            "client_email": "purge@shop.iam.gserviceaccount.com",
            "token_uri": token_uri,
        }
    )
