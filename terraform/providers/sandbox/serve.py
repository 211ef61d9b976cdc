"""Runs the provider and works around defects of its framework, tf 1.2.0.

1. StopProvider aborted running creates. They now finish, so that no object is missing from the state.
2. Ctrl-C and SIGTERM reach the whole process group. Both are ignored; Terraform ends the provider.
3. The provider outlived a killed Terraform and went on creating. It now ends within a second.
4. A refined unknown value was not recognised as unknown.
5. A wholly unknown set crashed the plan of an update.
6. An exception surfaced as a plugin crash. It is now a diagnostic with the resource's address.
7. A weak key was kept in the home folder. Each start now makes a new key in memory, which is also faster.
"""

import datetime as dt
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `python -I` leaves a program's own folder out.

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgpack.ext import ExtType
from provider import SandboxProvider
from tf import provider as framework
from tf import runner, types, utils
from tf.gen import tfplugin_pb2 as messages

SHUTDOWN = "/plugin.GRPCController/Shutdown"
UNKNOWN, REFINED_UNKNOWN = 0, 12
SECONDS_TO_FINISH = 5
LONGEST_DETAIL = 2000
GUARDED = (
    "ApplyResourceChange",
    "ConfigureProvider",
    "ImportResourceState",
    "PlanResourceChange",
    "ReadResource",
    "ValidateResourceConfig",
)


def let_calls_finish(self: Any, continuation: Callable[[Any], Any], details: Any) -> Any:
    """Stop the server on Shutdown only, after the running calls have finished."""
    result = continuation(details)
    if details.method == SHUTDOWN:
        self.stopped = True
        if self.server:
            self.server.stop(grace=SECONDS_TO_FINISH)
    return result


def end_with(parent: int) -> None:
    """Exit when Terraform has died without a Shutdown call."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def unpack_extension(code: int, data: bytes) -> Any:
    return types.Unknown if code in {UNKNOWN, REFINED_UNKNOWN} else ExtType(code, data)


def same_set(_self: Any, one: Any, other: Any) -> bool:
    """Compare two sets in any order. Null and unknown equal themselves only."""
    if any(value is None or value is types.Unknown for value in (one, other)):
        return one is other
    return sorted(map(str, one)) == sorted(map(str, other))


def guard(name: str) -> None:
    """Turn every exception of a call into a diagnostic. A failed apply keeps the prior state."""
    call = getattr(framework.ProviderServicer, name)
    response = getattr(messages, name).Response

    @functools.wraps(call)
    def guarded(self: Any, request: Any, context: Any) -> Any:
        try:
            return call(self, request, context)
        except Exception as error:  # noqa: BLE001
            text = f"{type(error).__name__}: {error}"[:LONGEST_DETAIL]
            problem = framework.Diagnostics().add_error(f"The sandbox cloud: {error}"[:200], text)
            answer = response(diagnostics=problem.to_pb())
            if name == "ApplyResourceChange":
                answer.new_state.CopyFrom(request.prior_state)
            return answer

    setattr(framework.ProviderServicer, name, guarded)


def fresh_certificate() -> tuple[bytes, Any]:
    """Make a key and certificate for this process. Returns the certificate as DER, and gRPC credentials."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))  # A clock that was set back must not fail a plan.
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    credentials = grpc.ssl_server_credentials([(secret, certificate.public_bytes(pem))])
    return certificate.public_bytes(serialization.Encoding.DER), credentials


def main() -> None:
    runner._ShutdownInterceptor.intercept_service = let_calls_finish  # noqa: SLF001
    runner._self_signed_cert = fresh_certificate  # noqa: SLF001
    utils._msgpack_ext_hook = unpack_extension  # noqa: SLF001
    types.Set.semantically_equal = same_set
    for name in GUARDED:
        guard(name)
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    runner.run_provider(SandboxProvider())


if __name__ == "__main__":
    main()
