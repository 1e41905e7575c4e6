"""LangGraph's store with vectors that are given: the ids it ranks for each question. Argument: a file of both."""

import json
import sys
from pathlib import Path

from langgraph.store.memory import InMemoryStore

given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
vectors = given["vectors"]
store = InMemoryStore(index={"dims": 384, "embed": lambda texts: [vectors[text] for text in texts], "fields": ["text"]})
for id, text in given["turns"]:
    store.put(("t",), id, {"text": text})
print(json.dumps([[item.key for item in store.search(("t",), query=q, limit=10)] for q in given["questions"]]))
