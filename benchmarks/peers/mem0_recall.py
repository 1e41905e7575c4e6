"""mem0 without a model (`infer=False`) and with vectors that are given: the ids it ranks. Argument: a file of both.

Its words part needs fastembed's download, which is not there offline, so it is dense search alone, as mem0 says itself.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
vectors = {text.strip(): vector for text, vector in given["vectors"].items()}  # mem0 strips questions


class Given:
    """Answers with the vectors of the file."""

    config = SimpleNamespace(embedding_dims=384)

    def embed(self, text, memory_action=None):
        return vectors[text.strip()]

    def embed_batch(self, texts, memory_action=None):
        return [vectors[text.strip()] for text in texts]


with tempfile.TemporaryDirectory() as folder:
    # It is told neither to report to its makers nor to need a key before it is imported.
    os.environ |= {"MEM0_TELEMETRY": "False", "OPENAI_API_KEY": "none", "MEM0_DIR": folder}
    from mem0 import Memory

    place = {"path": f"{folder}/qdrant", "collection_name": "m", "embedding_model_dims": 384, "on_disk": True}
    memory = Memory.from_config(
        {"vector_store": {"provider": "qdrant", "config": place}, "history_db_path": f"{folder}/history.db"}
    )
    memory.embedding_model = Given()
    for id, text in given["turns"]:
        said = [{"role": "user", "content": text}]
        memory.add(said, user_id="u", metadata={"turn": id}, infer=False)
    ranked = []
    for question in given["questions"]:
        found = memory.search(question, top_k=10, filters={"user_id": "u"}, threshold=0.0)
        ranked.append([one["metadata"]["turn"] for one in found["results"]])
    memory.vector_store.client.close()
    print(json.dumps(ranked))
