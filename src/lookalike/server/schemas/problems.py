"""The form of a problem."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ProblemFacts"]


class ProblemFacts(BaseModel):
    """A problem, as RFC 9457 writes it. Some kinds have more fields."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/image-not-in-gallery",
                    "title": "There is no such image",
                    "status": 404,
                    "detail": "No image has the id 99 in the gallery /home/ada/photos/.lookalike.",
                    "error": "ImageNotInGallery",
                }
            ]
        },
    )

    type: str = Field(description="What kind of problem it is: /problems/ and a word.")
    title: str = Field(description="The same for all problems of the kind.")
    status: int = Field(description="The status of the answer.", ge=400, le=599)
    detail: str = Field(description="What was asked, what was found and what to do, for people.")
    error: str = Field(description="The class of lookalike.errors that lookalike.Client raises.")
