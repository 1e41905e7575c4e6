"""All that a rule of your own is made of: `from lev_os.check.extending import Example, File, Finding, rule`.

A rule on files is given a `File`, one on flows a `FlowSubject`, one on packages a `PackageSubject`, one on everything
the `Project`; see `Rule` for what it says of itself.
"""

from .diagnostics import Edit as Edit
from .diagnostics import Fix as Fix
from .files import MARKDOWN_KINDS as MARKDOWN_KINDS
from .files import File as File
from .project import FlowSubject as FlowSubject
from .project import PackageSubject as PackageSubject
from .project import Project as Project
from .rule import Example as Example
from .rule import Finding as Finding
from .rule import Rule as Rule
from .rule import reported as reported
from .rule import rule as rule
