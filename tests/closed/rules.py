"""The rules of the contract (docs/declaration.md) that decide whether a launch starts the program, and with which values.

Each function is one paragraph of docs/declaration.md. The functions return a value, or raise
what the contract says instead of one: an absence, an entry that is left out, or a failure. If the contract doesn't say
what happens, they raise `Silent`, and the generator draws a different combination. Nothing here is taken from `src`."""

import json
import re
from base64 import b64encode
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from urllib.parse import quote


class Absence(Exception):
    """The secret, its stage or its key doesn't exist ("Absent values"). `status` is that of an entry that needs it: if
    only a replica doesn't have a key, the region that failed is the reason (75)."""

    def __init__(self, status=78):
        super().__init__(status)
        self.status = status


class LeftOut(Exception):
    """It is as if the entry were not there (an empty variable in `${NAME:-}`, or `optional`)."""


class Silent(Exception):
    """The contract doesn't say what happens."""


class Failure(Exception):
    """The launch fails with one of these statuses. An early failure is found in a text, without a request. Of a text
    with several values, others may be absent, which is a failure, too, unless the entry has `default` or `optional`.
    `reads` has the answers that the failed entry has got."""

    reads = {}

    def __init__(self, *statuses, early=False, absence=None):
        super().__init__(statuses)
        self.statuses = set(statuses)
        self.early = early
        self.absence = absence


# What a launch is given. The generator draws these, and `run` turns them into files, arguments and
# variables.


@dataclass
class Answer:
    """What AWS answers for one secret, parameter or path: a value, or an error."""

    data: bytes = None
    is_binary: bool = False
    parameters: dict = None  # below a path
    status: int = 200
    code: str = ""
    message: str = ""
    spelling: str = "body"  # where the code is: in the "body", in the "header", or in the header with a "url"
    flaw: str = ""  # of an answer with 200 that is none: a "page", "cut" off, or without a "value"
    is_replica: bool = False  # a fallback region has answered
    version: str = "c0c0c0c0-1111-4222-8333-444455556666"

    @property
    def is_outage(self):
        # A 4xx without an AWS error code comes from a proxy, and so does a 200 with a page.
        is_from_proxy = (self.status >= 400 and not self.code) or self.flaw in ("page", "cut")
        return self.status >= 500 or self.code == "ThrottlingException" or is_from_proxy


NOT_FOUND = Answer(
    status=400, code="ResourceNotFoundException", message="Secrets Manager can't find the specified secret."
)


@dataclass
class Reference:
    """REF. `secret` is written as the user writes it: an id, an alias, or a text with ${NAME}."""

    secret: str
    key: str = ""
    stage: str = ""
    version: str = ""

    def __str__(self):
        return ":".join([self.secret, self.key, self.stage, self.version]).rstrip(":")


@dataclass
class Lookup:
    """`{{ alias }}`, `{{ alias.key }}`, `{{ alias["key"] }}` or `{{ alias.l[1] }}`, and each of them with
    `| default('…')` and another filter, in a template. The alias `env` holds the variables."""

    alias: str
    key: str = ""
    default: str = None
    has_brackets: bool = False
    index: int = None
    filter: str = None

    @property
    def reference_key(self):
        return self.key if self.index is None else f"$.{self.key}[{self.index}]"

    def prints_json(self, value):
        """True if `tojson` leaves the value as it is: it isn't a text in JSON, or it is a whole object or list. The
        generator's keys `a` and `x` have texts, and its key `l` has a text and a number."""
        if self.alias == "env" or isinstance(value, Default):
            return False
        if not self.key:
            return isinstance(parsed(value), (dict, list))
        return self.key in ("b", "o") or (self.key == "l" and self.index != 0)


@dataclass
class Entry:
    """An entry or a flag. The source is a Reference, a text, or a template: a list of texts and Lookups."""

    source: object
    name: str = None
    path: str = None
    in_memory: bool = False
    default: str = None
    optional: bool = False
    pattern: str = None


@dataclass
class EnvFrom:
    source: Reference
    prefix: str = ""
    only: list = None
    excepted: list = None
    optional: bool = False


@dataclass
class Layer:
    is_flags: bool = False
    text: str = None  # of a declaration that has no value, or no entries
    entries: list = field(default_factory=list)
    sources: list = field(default_factory=list)
    aliases: dict = field(default_factory=dict)  # a name, and the Reference that has its id and stage

    @property
    def wrong(self):
        """The status of a wrong reference ("Exit status")."""
        return 64 if self.is_flags else 78


@dataclass
class Launch:
    layers: list = field(default_factory=list)
    inherited: dict = field(default_factory=dict)
    globs: list = field(default_factory=list)
    keep_existing: bool = False
    local: bool = False
    regions: int = 1
    has_refused_role: bool = False  # `--role-arn`, and STS answers ResourceNotFoundException
    answers: dict = field(default_factory=dict)  # (id, stage): the answer of each region
    cached: dict = field(default_factory=dict)  # (id, stage): the good answer of an earlier launch with --cache
    rejected: dict = field(default_factory=dict)  # (id, stage): how many answers the launch has failed with
    incomplete: set = field(default_factory=set)  # the replica's answer lacks what an entry doesn't need
    reads: dict = field(default_factory=dict)  # (id, stage): the answer that the current entry has got
    lacks: bool = False  # the current entry isn't set, or has a default, because of an absence

    @property
    def aliases(self):
        return {name: alias for layer in self.layers for name, alias in layer.aliases.items()}


class Inherited(bytes):
    """The value of a variable that the launch doesn't set."""


class Default(bytes):
    """The text of `default`."""


class Holed(bytes):
    """A text in which one of the values is empty or has only blanks."""


class Expected(bytes):
    """A value that matches a `pattern`, so it is right even if it is empty."""


@dataclass
class Started:
    variables: dict  # without the files in memory
    memory: dict
    files: dict
    sources: dict = field(default_factory=dict, compare=False)  # an `env-from`, and the names that it sets
    emptied: set = field(default_factory=set, compare=False)  # those that were read and set nothing
    places: dict = field(default_factory=dict, compare=False)  # the place of each value's entry, in the order of precedence


# Variables in a reference, and absent values: what a wrong reference is.


def secret_id(written, launch, wrong):
    """The secret id that a text with ${NAME} stands for."""
    may_be_empty = re.fullmatch(r"(ssm:)?\$\{(\w+):-\}(/\*?)?", written)
    if may_be_empty and not launch.inherited.get(may_be_empty[2]):
        raise LeftOut
    for name, has_default, default in re.findall(r"\$\{(\w+)(:-)?([^}]*)\}", written):
        value = launch.inherited.get(name) or default
        if not value:  # an unset variable without a default, and any other empty SECRET
            raise Failure(wrong, early=True)
        written = written.replace("${" + name + has_default + default + "}", value)
    if not written:
        raise Failure(wrong, early=True)
    return written


def located(reference, launch, wrong):
    """The id and the stage that a reference stands for. An alias is matched before variables are expanded."""
    is_parameter = reference.secret.startswith(("ssm:", "arn:aws:ssm:"))
    is_wrong = (
        len(reference.stage) > 256
        or (reference.version and not is_parameter and not 32 <= len(reference.version) <= 64)
        or (reference.version and is_parameter and not re.fullmatch("[1-9][0-9]*", reference.version))
        or (reference.key.startswith("$") and not re.fullmatch(r"\$(\.\.\w+)?(\.\w+|\[\d+\])*", reference.key))
    )
    if is_wrong:
        raise Failure(wrong, early=True)
    alias = launch.aliases.get(reference.secret)
    if alias is None:
        return secret_id(reference.secret, launch, wrong), reference.stage
    try:
        return secret_id(alias.secret, launch, 78), reference.stage or alias.stage
    except Failure as failure:
        # The alias is in a declaration (78), and the contract doesn't say whose status a flag with
        # this alias has.
        raise Failure(wrong, *failure.statuses, early=True) from None


# Sections 7, 8 and 12: which answer a secret id gets.


def answer_for(identity, launch):
    """The answer that decides, from the regions, the cache, or the file of `--local`."""
    if launch.local:
        return local_answer(identity, launch)
    own, *replicas = launch.answers.get(identity, [NOT_FOUND] * launch.regions)
    if not own.is_outage:
        return own
    if replicas and (own.status == 404 or own.flaw):
        raise Silent("a proxy's 404 or page isn't among the reasons of a region")
    # The cache covers failures that give 75. One answer gives all values of a secret: that of a
    # replica, or the cached one if the replica's lacks something. If the launch fails with one of
    # them, the other one is used.
    replicas = [replace(answer, is_replica=True) for answer in replicas if is_good(answer)]
    cached = [launch.cached[identity]] if identity in launch.cached else []
    others = [*cached, *replicas] if identity in launch.incomplete else [*replicas, *cached]
    return [*others, own][launch.rejected.get(identity, 0)]


def is_good(answer):
    return answer.status == 200 and not answer.flaw


def local_answer(identity, launch):
    """With `--local`, an ARN is found by its resource name, and then without its last hyphen and six characters.
    The stage doesn't matter."""
    identifier, _ = identity
    for name in (identifier, re.sub("-[^-]{6}$", "", identifier)):
        if (name, "") in launch.answers:
            return launch.answers[name, ""][0]
    return NOT_FOUND


def resource(identifier):
    """A secret and a parameter by their names, also if the id is an ARN."""
    fields = identifier.split(":")
    if identifier.startswith("arn:aws:secretsmanager:"):
        return fields[6]
    return "ssm:" + fields[5][len("parameter"):] if identifier.startswith("arn:aws:ssm:") else identifier


def answered(reference, launch, wrong):
    """The good answer for a reference ("Absent values" and "Exit status")."""
    identifier, stage = located(reference, launch, wrong)
    if launch.has_refused_role:
        # What STS answers is never an absence. The contract doesn't say which status this code has.
        raise Failure(75, 77, 78)
    answer = answer_for((resource(identifier), stage), launch)
    launch.reads[resource(identifier), stage] = answer
    if answer.code == "ResourceNotFoundException":
        raise Absence
    if answer.is_outage:
        raise Failure(75)
    if answer.code == "ResourceNotFound" or answer.flaw:
        raise Failure(78)  # a code that no service here has, and a secret without a value
    if answer.code == "AccessDeniedException":
        raise Failure(77)
    if answer.code == "InvalidRequestException":  # it is marked for deletion
        raise Failure(78)
    if answer.code == "DecryptionFailure":  # a denial by KMS, or a secret that is wrong: the contract has no row for it
        raise Failure(77, 78)
    return answer


# Keys, values and absent values: what a key of a secret is.

INVALID = object()


def parsed(data):
    try:
        return json.loads(data.decode())
    except ValueError:
        return INVALID


def as_text(node):
    """"How values look in a variable"."""
    if isinstance(node, str):
        return node.encode()
    return json.dumps(node, separators=(",", ":"), ensure_ascii=False).encode()


def nodes_at(node, path):
    """The nodes that a JSONPath of names, indexes and `..name` finds."""
    step = re.match(r"(?:\.\.(\w+)|\.(\w+)|\[(\d+)\])", path)
    if not step:
        return [node]
    anywhere, name, index = step.groups()
    rest = path[step.end():]
    if isinstance(node, list):
        children = dict(enumerate(node))
    else:
        children = node if isinstance(node, dict) else {}
    wanted = int(index) if index else anywhere or name
    found = nodes_at(children[wanted], rest) if wanted in children else []
    if anywhere:
        found = found + [match for child in children.values() for match in nodes_at(child, path)]
    return found


def selected(data, key):
    """The node that KEY selects. A malformed secret is never an absence."""
    document = parsed(data)
    is_path = key.startswith("$")
    has_first_name = not is_path or key.startswith("$.")
    if document is INVALID and not has_first_name:
        raise Silent("a path that begins with an index, for a text that isn't JSON")
    nodes = nodes_at(document, key[1:] if is_path else f".{key}")
    if has_first_name and not isinstance(document, dict):
        if nodes:
            raise Silent("`$..name` for a list that has the name in it")
        raise Failure(78)
    if len(nodes) > 1:
        raise Failure(78)
    if not nodes or nodes[0] is None:
        raise Absence
    return nodes[0]


def resolved(reference, launch, wrong):
    """The bytes that a reference gives. Without KEY, that is the whole value."""
    answer = answered(reference, launch, wrong)
    return as_text(selected_from(answer, reference.key)) if reference.key else answer.data


def selected_from(answer, key):
    try:
        return selected(answer.data, key)
    except Absence:
        raise Absence(75 if answer.is_replica else 78) from None


def all_of(reads):
    """Reads several values for one text. A failure of one of them is a failure of the text, and never an absence. All
    failures are reported, so an absence doesn't hide one."""
    values, failures, absent = [], [], None
    for read in reads:
        try:
            values.append(read())
        except Absence as absence:
            absent = max(absent or 0, absence.status)
        except Failure as failure:
            failures.append(failure)
    if failures:
        early = any(failure.early for failure in failures)
        raise Failure(*exit_statuses(failures), early=early, absence=absent)
    if absent:
        raise Absence(absent)
    return values


# Templates.


def rendered(template, launch):
    """The text of a template. Each lookup is resolved as a reference, and all that fail are reported."""
    aliases = {part.alias for part in template if isinstance(part, Lookup)} - {"env"}
    left_out, failures = False, []
    for alias in aliases:
        try:
            located(Reference(alias), launch, 78)
        except LeftOut:
            left_out = True
        except Failure as failure:
            failures.append(failure)
    if left_out and failures:
        raise Silent("a template with an alias that is left out, and one that is wrong")
    if left_out:  # also if it uses other aliases, and whatever its `default` filters are
        raise LeftOut
    values = all_of([lambda part=part: part if isinstance(part, str) else looked_up(part, launch) for part in template])
    printed = b""
    has_hole = has_default = False
    for part, value in zip(template, values, strict=True):
        if isinstance(part, str):
            printed += part.encode()
            continue
        printed += filtered(part, value)
        if isinstance(value, Default):
            has_default = True
        elif part.alias == "env":
            has_hole = has_hole or not value
        else:
            has_hole = has_hole or not value.strip()
    if has_hole:
        return Holed(printed)
    return Default(printed) if has_default else printed


def looked_up(part, launch):
    """The value of a lookup, or its default."""
    try:
        if part.alias != "env":
            return resolved(Reference(part.alias, part.reference_key), launch, 78)
        if part.key not in launch.inherited:
            raise Absence
        return launch.inherited[part.key].encode()
    except Absence:
        if part.default is None:
            raise
        launch.lacks = True
        return Default(part.default.encode())


def filtered(part, value):
    """What the filter of a lookup makes of its value. Only `b64encode` accepts a value that isn't text."""
    if part.filter == "b64encode":
        return b64encode(value)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise Failure(78) from None
    if part.filter == "urlencode":
        return quote(text, safe="").encode()
    if part.filter == "trim":
        return text.strip().encode()
    if part.filter == "tojson" and not part.prints_json(value):
        return json.dumps(text, ensure_ascii=False).encode()
    return text.encode()


# Entries.


def entry_value(entry, launch, wrong):
    """What an entry gives. `default` and `optional` apply to an absence only."""
    default = None if entry.default is None else entry.default.encode()
    if default is not None and not matches(default, entry.pattern):
        raise Failure(78, early=True)  # found without a request
    try:
        value = source_value(entry.source, launch, wrong)
    except LeftOut:
        if default is None:
            raise
        return Default(default)  # it is left out, or its default is used
    except Absence as absence:
        launch.lacks = True
        if entry.optional:
            raise LeftOut from None
        if default is None:
            raise Failure(absence.status) from None
        return Default(default)
    except Failure as failure:
        if failure.absence and default is None and not entry.optional:
            raise Failure(*exit_statuses([failure, Failure(failure.absence)]), early=failure.early) from None
        raise
    if not matches(value, entry.pattern):
        raise Failure(78)
    if not entry.in_memory and not entry.path and b"\0" in value:
        raise Failure(78)  # a value with a NUL byte cannot be a variable
    if entry.pattern is None:
        return value
    return Default(value) if isinstance(value, Default) else Expected(value)


def source_value(source, launch, wrong):
    if isinstance(source, str):
        return source.encode()
    if isinstance(source, list):
        return rendered(source, launch)
    return resolved(source, launch, wrong)


def matches(value, pattern):
    """A pattern may match anywhere unless it is anchored. A value that is not UTF-8 does not match."""
    if pattern is None:
        return True
    try:
        # Only Python's `$` also matches before a line feed.
        return re.search(pattern.replace("$", r"\Z"), value.decode()) is not None
    except UnicodeDecodeError:
        return False


# Several variables: `env-from`.


def source_variables(source, launch, wrong):
    """The variables of an `env-from` entry."""
    if source.only == []:
        raise Failure(78, early=True)
    try:
        found = source_object(source.source, launch, wrong)
    except Absence as absence:
        if not source.optional:
            raise Failure(absence.status) from None
        if source.source.key:
            raise Silent("`optional` for a key that doesn't exist") from None
        launch.lacks = True
        return {}
    found = {key: value for key, value in found.items() if value is not None}
    is_replica = found.pop(REPLICA, False)
    if source.only is not None:
        if any(key not in found for key in source.only):
            if is_replica:
                raise Failure(75)
            raise Failure(78)  # also if the entry is optional
        found = {key: found[key] for key in source.only}
    found = {key: value for key, value in found.items() if key not in (source.excepted or [])}
    if not found and not source.optional:
        raise Failure(75 if is_replica else 78)  # an object that sets no variable is an absence
    launch.lacks = not found
    return {source.prefix + re.sub(r"\W", "_", key).upper(): as_text(value) for key, value in found.items()}


REPLICA = object()


def source_object(reference, launch, wrong):
    answer = answered(reference, launch, wrong)
    if answer.parameters is not None:
        if not answer.parameters:
            raise Absence  # a path without parameters
        return {**answer.parameters, REPLICA: True} if answer.is_replica else answer.parameters
    document = selected_from(answer, reference.key) if reference.key else parsed(answer.data)
    if not isinstance(document, dict):
        raise Failure(78)  # it is malformed
    return {**document, REPLICA: True} if answer.is_replica else document


# References in inherited variables: `--resolve-env`.

ARN = r"arn:aws:(?:secretsmanager:[\w-]+:\d+:secret:|ssm:[\w-]+:\d+:parameter/)[\w/+=.@!-]+"
DYNAMIC = r"\{\{resolve:(secretsmanager|ssm|ssm-secure):([^{}]*)\}\}"
# The contract doesn't say whether a wrong reference in an inherited variable is 64 or 78.
MALFORMED = (64, 78)


def inherited_value(text, globs, launch):
    """What a matching variable becomes, or None if it has no reference."""
    bare = text.strip("\"' ")
    is_reference = re.fullmatch(f"{ARN}(:[^:]*){{0,3}}|{DYNAMIC}", bare)
    if is_reference and bare != text:
        raise Failure(*MALFORMED, early=True)  # quotes or spaces around a reference
    if re.search(r"\{\{ resolve:(secretsmanager:|ssm)", text):
        raise Failure(*MALFORMED, early=True)
    if text.startswith(("ssm://", "sm://", "{aws-sm}")) and globs != ["*"]:
        raise Failure(*MALFORMED, early=True)  # the syntax of another tool: a warning if the glob is `*`
    whole = re.fullmatch(f"({ARN})((?::[^:]*){{0,3}})", text)
    if whole:
        fields = (whole[2][1:] + "::").split(":")
        return resolved(Reference(whole[1], *fields[:3]), launch, 64)
    if not re.search(DYNAMIC, text):
        return None
    references = list(re.finditer(DYNAMIC, text))
    values = all_of([lambda one=one: dynamic_value(one[1], one[2].split(":"), launch) for one in references])
    replacements = iter(values)
    return re.sub(DYNAMIC.encode(), lambda _: next(replacements), text.encode())


def dynamic_value(service, fields, launch):
    """`{{resolve:secretsmanager:ID:SecretString:KEY:STAGE:VERSION}}` and `{{resolve:ssm:NAME:VERSION}}`."""
    if not fields[0]:
        raise Failure(*MALFORMED, early=True)
    if service != "secretsmanager":
        return answered(Reference("ssm:" + fields[0]), launch, 64).data
    key, stage = (fields + ["", "", ""])[2:4]
    reference = Reference(fields[0], key, stage)
    if not key and answered(reference, launch, 64).is_binary:
        raise Silent("SecretString of a binary secret")
    return resolved(reference, launch, 64)


# Which entry wins, `--keep-existing`, and what there is to read: the whole launch.


def expected(launch):
    """`Started` with its values, or a Failure. If an entry fails with the answers of a replica or of the cache, there may
    be others with which it doesn't. If a replica's answer lacks what an entry doesn't need, the cache may have it."""
    while True:
        outcome = merged(launch)
        rejected = set()
        for failure in outcome.end_failures():
            if all(is_good(answer) for answer in failure.reads.values()):
                rejected |= {identity for identity in failure.reads if has_other_answer(identity, launch)}
        incomplete = set()
        for reads in sum(outcome.incomplete.values(), []):
            if all(is_good(answer) for answer in reads.values()):
                replicas = {identity for identity, answer in reads.items() if answer.is_replica}
                incomplete |= {identity for identity in replicas if has_other_answer(identity, launch)}
        incomplete -= rejected | launch.incomplete
        if not rejected and not incomplete:
            for failure in outcome.end_failures():
                answers = failure.reads.values()
                # What is wrong in a replica may be right in the region that failed.
                if all(map(is_good, answers)) and any(answer.is_replica for answer in answers):
                    failure.statuses = {75}
            return outcome.end()
        launch.incomplete |= incomplete
        for identity in rejected:
            launch.rejected[identity] = launch.rejected.get(identity, 0) + 1


def has_other_answer(identity, launch):
    """True if the cache has an answer that hasn't been rejected, and the secret's own region hasn't answered."""
    answers = launch.answers.get(identity)
    is_out = answers is not None and answers[0].is_outage
    replicas = answers[1:] if is_out else []
    return is_out and identity in launch.cached and launch.rejected.get(identity, 0) <= sum(map(is_good, replicas))


def merged(launch):
    """All layers of a launch."""
    flags = [layer for layer in launch.layers if layer.is_flags]
    files = [layer for layer in launch.layers if not layer.is_flags]
    outcome = Merge(launch)
    for layer in files:
        outcome.add_layer(layer)
    outcome.add_inherited()
    for layer in flags:
        outcome.add_layer(layer)
    is_empty = not outcome.variables and not any(layer.entries or layer.sources for layer in launch.layers)
    if is_empty and (not launch.globs or has_unmatched_reference(launch)):
        outcome.failures.append(Failure(78 if files else 64))
    return outcome


def has_unmatched_reference(launch):
    """True if the program would get a reference as its password, because no GLOB matches the variable."""
    return any(
        re.search(f"^{ARN}:[^:]|{DYNAMIC}", text.strip("\"' "))
        for name, text in launch.inherited.items()
        if not any(fnmatchcase(name, glob) for glob in launch.globs)
    )


class Merge:
    """The layers so far. A later layer overrides an earlier one, so the failure of an overridden entry disappears."""

    def __init__(self, launch):
        self.launch = launch
        self.variables = {}  # a name, and its value or its Failure
        self.in_memory = set()
        self.files = {}
        self.failures = []
        self.owners = {}  # a name, and the `env-from` that sets it
        self.emptied = set()
        self.place = 0  # the number of entries so far, beginning with those that are overridden by all others
        self.places = {}
        # For each name, path or source that lacks something: the answers of its entries.
        self.incomplete = {}

    def start(self):
        """Begins the next entry or source."""
        self.launch.reads, self.launch.lacks = {}, False
        self.place += 1

    def note_lacks(self, target):
        if self.launch.lacks:
            self.incomplete.setdefault(target, []).append(self.launch.reads)

    def add_layer(self, layer):
        if layer.text is not None and layer.text != "{}":
            self.failures.append(Failure(78))  # a file without a value
        # Within one layer, an explicit variable beats `env-from`, and a later source beats an
        # earlier one.
        for source in layer.sources:
            self.start()
            try:
                found = source_variables(source, self.launch, layer.wrong)
                self.note_lacks(id(source))
                if not found and was_read(source.source, self.launch, layer.wrong):
                    self.emptied.add(id(source))
                for name, value in found.items():
                    if not self.is_kept(name):
                        self.set(name, value)
                        self.owners[name] = id(source)
            except LeftOut:
                continue
            except Failure as failure:
                failure.reads = self.launch.reads
                self.failures.append(failure)
        for entry in layer.entries:
            self.add_entry(entry, layer)

    def add_entry(self, entry, layer):
        self.start()
        try:
            value = entry_value(entry, self.launch, layer.wrong)
        except LeftOut:
            if not (entry.name and self.is_kept(entry.name)):
                self.note_lacks(entry.name or entry.path)
            return  # an entry of an earlier layer, or the inherited variable, applies
        except Failure as failure:
            failure.reads = self.launch.reads
            value = failure
        if entry.name and self.is_kept(entry.name):
            if isinstance(value, Failure) and value.early:
                raise Silent("a mistake in an entry that is not used")
            return
        if entry.path:
            self.files[entry.path] = value
            self.places[entry.path] = self.place
        if entry.name:
            self.set(entry.name, value if not entry.path or isinstance(value, Failure) else entry.path.encode())
            if entry.in_memory:
                self.in_memory.add(entry.name)
        self.incomplete.pop(entry.path, None)
        self.note_lacks(entry.name or entry.path)

    def add_inherited(self):
        """`--resolve-env`, which `--keep-existing` doesn't affect."""
        self.place += 1
        for name, text in self.launch.inherited.items():
            globs = [glob for glob in self.launch.globs if fnmatchcase(name, glob)]
            if not globs:
                continue
            self.launch.reads = {}
            try:
                value = inherited_value(text, globs, self.launch)
            except Absence as absence:
                value = Failure(absence.status)
            except Failure as failure:
                absences = [Failure(failure.absence)] if failure.absence else []
                value = Failure(*exit_statuses([failure, *absences]), early=failure.early)
            if isinstance(value, Failure):
                value.reads = self.launch.reads
            if isinstance(value, bytes) and b"\0" in value:
                value = Failure(78)
            if value is not None:
                self.set(name, value)

    def is_kept(self, name):
        """With `--keep-existing`, a name keeps its value, unless that is empty or its own placeholder."""
        unset = ["", f"${name}", f"${{{name}}}", f"$({name})"]
        return self.launch.keep_existing and self.launch.inherited.get(name, "") not in unset

    def set(self, name, value):
        earlier = self.variables.get(name)
        if isinstance(earlier, Failure) and earlier.early:
            raise Silent("a mistake in an entry that is not used")
        self.variables[name] = value
        self.incomplete.pop(name, None)
        self.places[name] = self.place
        self.owners.pop(name, None)
        self.in_memory.discard(name)

    def end_failures(self):
        """The failures of the entries that aren't overridden."""
        everything = [*self.failures, *self.variables.values(), *self.files.values()]
        return [outcome for outcome in everything if isinstance(outcome, Failure)]

    def end(self):
        failures = self.end_failures()
        if failures:
            return Failure(*exit_statuses(failures))
        inherited = {name: Inherited(value.encode()) for name, value in self.launch.inherited.items()}
        variables = inherited | self.variables
        memory = {name: variables.pop(name) for name in self.in_memory}
        sources = {}
        for name, source in self.owners.items():
            sources.setdefault(source, set()).add(name)
        return Started(variables, memory, self.files, sources, self.emptied, self.places)


def was_read(reference, launch, wrong):
    """True for an object that AWS has answered. A path without parameters isn't one."""
    try:
        return answered(reference, launch, wrong).parameters is None
    except Absence:
        return False


# Polls: what a running program gets instead of its values.


def after_poll(before, after):
    """What the program has after a poll: its own values, or those that the poll has found."""
    if isinstance(after, Failure):
        return before  # a failed poll changes nothing
    found = after.variables | after.memory | after.files
    for name, old in (before.variables | before.memory | before.files).items():
        if name in found and is_taken_away(old, found[name], before.places.get(name, 0), after.places.get(name, 0)):
            return before
    if any(source in after.emptied for source in before.sources):
        return before  # an object that sets no variable any more is half-written
    return after


def is_taken_away(old, new, old_place, new_place):
    """True if a value that the program has would become empty, or if something else would take its place because it is
    absent now: a default, an earlier layer or an inherited variable. Their places come before that of the value."""
    if new == old or isinstance(old, Inherited) or is_empty(old):
        return False
    is_default = isinstance(new, Default) and not isinstance(old, Default)
    return is_default or new_place < old_place or not isinstance(new, Inherited) and is_empty(new)


def is_empty(value):
    """True for a value of which at least a part is empty, unless this is expected."""
    return not isinstance(value, Expected) and (not value.strip() or isinstance(value, Holed))


def exit_statuses(failures):
    """The highest of 78, 77 and 75. The contract has no rank for 64, so it may be 64 or the other one."""
    possible = {0}
    for failure in failures:
        pairs = [(one, other) for one in possible for other in failure.statuses]
        possible = {status for pair in pairs for status in (set(pair) - {0} if 64 in pair else {max(pair)})}
    return possible
