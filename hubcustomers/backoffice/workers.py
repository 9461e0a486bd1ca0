"""Above a list of what a worker does: whether one is at work."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from hubcustomers.observing import pulse


class ShowsWorker:
    """A ModelAdmin whose list says whether its worker runs."""

    # The command that the worker runs.
    worker_kind: ClassVar[str]
    list_before_template = "admin/hub/worker.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with the workers above it."""
        seen = pulse.workers(self.worker_kind)
        context = {
            "workers": [worker for worker in seen if worker.is_alive],
            "last_worker": seen[0] if seen else None,
            "worker_command": f"manage.py {self.worker_kind}",
        }
        answer: HttpResponse = super().changelist_view(  # type: ignore[misc]
            request, {**context, **(extra_context or {})}
        )
        return answer
