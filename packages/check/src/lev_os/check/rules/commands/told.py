"""What commands say of what they are given and of what they meet, where `lev check` has nothing to look for.

Their parts raise these codes; here they are only explained, because `check` depends on none of those parts.
"""

from __future__ import annotations

from functools import partial

from ...rule import reported

_told = partial(reported, on="command", severity="error", bad=(), good=())

# --- the command line

_told(
    "LEV002", "usage",
    summary="A command was called in a way it does not have.",
    why="What was meant cannot be told, so nothing was done.",
    mend="`lev COMMAND --help` shows the options and examples.",
)  # fmt: skip
_told(
    "LEV003", "file-system",
    summary="The system refused a file or folder.",
    why="What is in it is not known, or what was to be written is not there.",
    mend="Look at the path and the reason that the message names: rights, space on the disk, a name that is too long.",
)  # fmt: skip
_told(
    "LEV010", "bad-inputs",
    summary="A file of inputs cannot be read, or one of its lines is no JSON object.",
    why="Each line is the input of one run; a line that is left out would be a run that nobody misses.",
    mend='Write one object to a line: {"name": value, …}, by the names of the flow\'s inputs.',
)  # fmt: skip
_told(
    "LEV011", "not-of-this-file",
    summary="An entry of a file that a command continues, or learns from, is not what it expects.",
    why="Results of another batch would be taken for those of this one; a text without its condition teaches nothing.",
    mend="Correct the entry that is named, or name another file.",
)  # fmt: skip
_told(
    "LEV999", "crash",
    summary="Something in `lev` broke.",
    why="This is a fault of ours: bad input has a message of its own.",
    mend="Report it with the file that the message names; it holds the traceback and the command's first two words.",
)  # fmt: skip
_told(
    "DEV101", "no-stub",
    summary="`lev dev` could not write a stub.",
    why="Editors and type checkers see the names of before.",
    mend="Do what the message says; the stub is written again with the next change.",
)  # fmt: skip
_told(
    "DEV102", "unread",
    summary="`lev dev` could not check a file.",
    why="It cannot be read, so what is wrong with it is not known.",
    mend="Look at the reason that is named. What can be read is checked all the same.",
)  # fmt: skip
_told(
    "CHK920", "bad-labels",
    summary="The labels that `lev lint-eval` measures with cannot be read.",
    why="A measurement with half of its cases would look as good as one with all.",
    mend="Write `CODE FILE:LINE` for each finding that is expected; `lev lint-eval --help` shows a file.",
)  # fmt: skip

# --- packages, contexts and flows, when they are used

_told(
    "MAN301", "several-packages",
    summary="A folder holds more than one package, and one is wanted.",
    why="Which of them is meant cannot be guessed.",
    mend="Name one of those that the message lists.",
)  # fmt: skip
_told(
    "MAN302", "pattern-too-wide",
    summary="A pattern of the export map covers more files than are read.",
    why="Such a folder is data, or somebody else's packages; reading it would take minutes.",
    mend="Narrow the pattern, or move the files that are not exported to another folder.",
)  # fmt: skip
_told(
    "CTX002", "context-not-utf8",
    summary="A context holds bytes that are not UTF-8.",
    why="It was saved in another encoding, and readers would disagree on what it says.",
    mend="Save the file as UTF-8.",
)  # fmt: skip
_told(
    "CTX003", "context-hides-characters",
    summary="A context holds a character that nobody sees, or that reorders what is shown.",
    why="A model reads what a reviewer cannot see. `lev check` says SEC101 to SEC104 of it.",
    mend="Delete the character at the place that is named.",
)  # fmt: skip
_told(
    "FLW113", "not-buildable",
    summary="A flow that is built in Python holds something that no flow can hold.",
    why="`Flow.build` gives the same program as YAML does, so only JSON values, steps and lists of steps fit.",
    mend="Pass what the message names instead.",
)  # fmt: skip
_told(
    "FLW504", "pinned-flow-damaged",
    summary="The flow that a journal has pinned cannot be put together again.",
    why="A run goes on with the text it began with; this journal has been changed.",
    mend="Start a new run, or restore the journal from a copy.",
)  # fmt: skip
_told(
    "RUN101", "input-does-not-fit",
    summary="The input of a run does not fit the flow.",
    why="A flow starts with values of the types that it declares, or not at all.",
    mend="Pass what the message names; `lev show SPECIFIER` shows the inputs.",
)  # fmt: skip
_told(
    "THR101", "thread-damaged",
    summary="A line of a thread of an agent cannot be read.",
    why="An agent that has forgotten a part of a conversation answers another question.",
    mend="Restore the file from a copy, or move it away to begin a new thread.",
)  # fmt: skip

# --- what is written out

_told(
    "EXP101", "not-utf8",
    summary="A file into which `lev export` is to write its part is not UTF-8.",
    why="What people wrote in it could not be kept as it is.",
    mend="Save the file as UTF-8.",
)  # fmt: skip
_told(
    "EXP102", "broken-markers",
    summary="The two comments between which `lev export` writes are not one begin and one end.",
    why="What of the file is generated and what people wrote cannot be told apart.",
    mend="Leave one pair of them in the file, or none.",
)  # fmt: skip
_told(
    "EXP301", "no-schema",
    summary="`lev build` could not work out the schema of a tool.",
    why="`tools.json` would promise a tool that no model can call right.",
    mend="Do what the message says of the tool's annotations; it names the place of the declaration.",
)  # fmt: skip

# --- memory

_told(
    "MEM101", "record-refused",
    summary="A record cannot be kept.",
    why="A store that keeps half of it would answer with what nobody has said.",
    mend="Correct the field that the message names.",
)  # fmt: skip
_told(
    "MEM102", "data-not-json",
    summary="The `data` of a record is not JSON.",
    why="It would not come back as it was.",
    mend="Use null, booleans, finite numbers, text, lists, and mappings with text keys.",
)  # fmt: skip
_told(
    "MEM103", "bad-scope",
    summary="A part of a scope is not the name of anybody.",
    why="Whose records are meant must be certain.",
    mend="Write a text of the length that the message names.",
)  # fmt: skip
_told(
    "MEM104", "bad-time",
    summary="Something that should be a time is none.",
    why="Records are found by when they held and when they were known.",
    mend="Write a date and time of the years 1 to 9999; one without a zone is taken for UTC.",
)  # fmt: skip
_told(
    "MEM105", "bad-reason",
    summary="The reason for forgetting or erasing cannot be written down.",
    why="The log says why something is gone, for good.",
    mend="Write it in characters that UTF-8 can hold.",
)  # fmt: skip
_told(
    "MEM106", "bad-limit",
    summary="A limit or a place in the log of a memory is no number that there can be.",
    why="A page of it would be empty, or endless, without a word.",
    mend="Write a number within the bounds that the message names.",
)  # fmt: skip
_told(
    "MEM107", "no-list-of-records",
    summary="What is to be put into a memory is no list of records.",
    why="One record by itself has no order among others, and a mapping no types.",
    mend="Write `put([record], scope=scope)`.",
)  # fmt: skip
_told(
    "MEM201", "no-change",
    summary="A line of an export of a memory is no change of a memory.",
    why="What stands behind it may rest on it.",
    mend="Export again, or mend the line, and import all of it: what was taken in already is skipped.",
)  # fmt: skip
_told(
    "MEM202", "no-export",
    summary="A file is no export of a memory, or one of a newer format.",
    why="Its lines cannot be told apart from other data.",
    mend="Write one with `lev memory export`, or upgrade `lev-os-memory`.",
)  # fmt: skip
_told(
    "MEM203", "link-in-export",
    summary="A symbolic link lies in an export of a memory as Markdown.",
    why="It could lead to any file of this machine.",
    mend="Put the file itself there.",
)  # fmt: skip
_told(
    "MEM301", "file-holds-no-record",
    summary="A file of a memory in files holds no record.",
    why="It was changed by hand, or half of it was copied.",
    mend="Mend it at the line that is named, or restore it from a copy; the other files are read all the same.",
)  # fmt: skip
_told(
    "MEM302", "change-out-of-order",
    summary="A change in the log of a memory fits nothing before it.",
    why="Something else has written to this memory, or deleted from it.",
    mend="Restore it from a copy; otherwise what does not fit is left out.",
)  # fmt: skip
_told(
    "MEM303", "not-committed",
    summary="Git would not take what changed in a memory in files.",
    why="The files hold everything; their history misses it until the next commit.",
    mend="Look at what git said. What was left goes along with the next change, or when the memory is opened again.",
)  # fmt: skip
_told(
    "MEM304", "erased-but-in-history",
    summary="The history of git still holds files of a memory that were erased.",
    why="Whoever has the repository can read them.",
    mend="Rewrite the history, with `git filter-repo` for instance, and every copy of it.",
)  # fmt: skip
_told(
    "MEM305", "file-is-no-record",
    summary="A Markdown file lies in a memory where no records are.",
    why="It looks as if it were remembered, and is never read.",
    mend="Take it in with `lev memory import-from markdown`, or move it elsewhere.",
)  # fmt: skip
_told(
    "MEM401", "member-down",
    summary="A member of a memory in several backends does not answer.",
    why="It misses what is written meanwhile. The primary memory has everything.",
    mend="Look at the reason that is named. It is tried again, and gets what it missed.",
)  # fmt: skip
_told(
    "MEM402", "member-refuses",
    summary="A member of a memory in several backends would not take changes.",
    why="It cannot hold them; searches of it do not find them.",
    mend="`lev memory migrate` says what it cannot hold.",
)  # fmt: skip
