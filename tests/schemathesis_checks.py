"""What `make schemathesis` asks of each answer, beside the checks of schemathesis itself. Loaded by it, in its own
environment: it knows nothing of the project.
"""

from typing import Any

import schemathesis


@schemathesis.check  # type: ignore[untyped-decorator]  # it is not installed where types are checked
def only_a_503_that_says_when_to_come_back(ctx: Any, response: Any, case: Any) -> None:
    """No answer is another 5xx, and a 503 has `Retry-After`."""
    if response.status_code >= 500:
        assert response.status_code == 503, f"{response.status_code}: {response.text[:300]}"
        assert response.headers.get("retry-after"), "503 without Retry-After"


@schemathesis.check  # type: ignore[untyped-decorator]  # it is not installed where types are checked
def every_refusal_is_a_problem_with_a_remedy(ctx: Any, response: Any, case: Any) -> None:
    """RFC 9457, and nothing of a traceback."""
    if response.status_code >= 400:
        media = response.headers.get("content-type", [""])[0]
        assert media == "application/problem+json", f"{response.status_code} as {media}"
        document = response.json()
        assert document["status"] == response.status_code and document["detail"] and document["remedy"]
        assert "Traceback" not in response.text
