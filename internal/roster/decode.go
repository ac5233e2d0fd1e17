package roster

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
)

// decoder reads one file after another and collects people and problems.
type decoder struct {
	roster   *Roster
	problems problemList
	// file is the name of the file being read.
	file string
	// alias is the outermost alias that the decoder followed to the current node; nil if it followed
	// none.
	alias *yaml.Node
	// setAt maps the keys that only one file may have to their positions.
	setAt map[string]Position
	// addresses has the addresses and aliases of all people read so far. Its keys are those of
	// [org.Address.Key].
	addresses map[string]firstUse
	// unlistedAt is the position of the value of the setting "unlisted".
	unlistedAt Position
	// teamIndex maps the name of a team to its index in roster.Teams.
	teamIndex map[string]int
	// members are the memberships of all teams read so far.
	members []member
	// hasUsers and hasOrganization are true if some file has the key, even with a wrong value. hasMembers is true if
	// some team has members, or may have them because its members, the team or "teams" are invalid.
	hasUsers, hasMembers, hasOrganization bool
	// size is the size of all files read so far, in bytes.
	size int
	// largeFile is the size in bytes from which a file is read in parts of at least partSize bytes.
	largeFile, partSize int
	// rest has the people of the file being read that parseFrame left out of its nodes.
	rest []peoplePart
	// incomplete is true if a file could not be read to its end. Nothing is then reported as missing.
	incomplete bool
}

// firstUse is the first appearance of a value, for problems about duplicates.
type firstUse struct {
	at       Position
	spelling string
}

func newDecoder() *decoder {
	return &decoder{
		roster:    &Roster{Settings: defaultSettings},
		setAt:     make(map[string]Position),
		addresses: make(map[string]firstUse),
		teamIndex: make(map[string]int),
		largeFile: largeFile,
		partSize:  partSize,
	}
}

// decodeFile reads one file into the roster.
func (d *decoder) decodeFile(file string, data []byte) {
	d.file = file
	d.size += len(data)
	d.roster.Files = append(d.roster.Files, file)
	var problem *Problem
	root := d.parseFrame(data)
	if root == nil {
		root, problem = parseFile(file, data)
	}
	// The file is not YAML, or it is only one text.
	if problem != nil || root != nil && root.Kind == yaml.ScalarNode && root.Tag == textTag {
		if otherFormat := otherFormatProblem(file, data); otherFormat != nil {
			root, problem = nil, otherFormat
		}
	}
	if problem != nil {
		d.problems = append(d.problems, *problem)
		d.incomplete = true
	}
	switch {
	case problem != nil && (root == nil || root.Tag == nullTag): // the problem says everything
	case root == nil || root.Tag == nullTag || root.Kind == yaml.MappingNode && len(root.Content) == 0:
		d.problems.add(Position{file, 1, 1}, `the file is empty: a roster needs at least a list of "users"`)
		d.incomplete = true
	case root.Kind == yaml.SequenceNode:
		d.addProblem(root, `the file must be a mapping, not a list: put the list under "users:"`)
		d.incomplete = true
	default:
		d.decodeTop(root)
	}
}

func (d *decoder) decodeTop(n *yaml.Node) {
	if !d.checkValue(&key{kind: mappingKind}, n) {
		d.incomplete = true
		return
	}
	readTeams := false
	present := d.decodeMapping(n, &rosterKeys, func(k *key, name, v *yaml.Node) {
		if k.kind != peopleKind && k.kind != teamsKind {
			d.checkSetOnce(k, name)
		}
		switch k.name {
		case "organization":
			d.roster.Organization = d.decodeText(k, v)
		case "settings":
			d.decodeSettings(v)
		case "defaults":
			d.decodePerson(v, k.section, &d.roster.Defaults)
		case "users":
			d.decodeUsers(k, v)
		case "teams":
			readTeams = true
			d.decodeTeams(k, v)
		case "state":
			d.roster.State = d.decodeState(k, v)
		}
	})
	d.hasUsers = d.hasUsers || present.has("users")
	d.hasMembers = d.hasMembers || present.has("teams") && !readTeams
	d.hasOrganization = d.hasOrganization || present.has("organization")
}

// checkSetOnce reports a key that another file has already set.
func (d *decoder) checkSetOnce(k *key, name *yaml.Node) {
	if first, ok := d.setAt[k.name]; ok {
		d.addProblem(name, "%s already set at %v: only one file may have it", k, first)
		return
	}
	d.setAt[k.name] = d.position(name)
}

func (d *decoder) decodeSettings(n *yaml.Node) {
	s := &d.roster.Settings
	d.decodeMapping(n, &settingsKeys, func(k *key, _, v *yaml.Node) {
		switch k.name {
		case "allowed_domains":
			s.AllowedDomains = d.decodeDomains(k, v)
		case "max_invites":
			s.MaxInvites = d.decodeNumber(k, v)
		case "max_removals":
			s.MaxRemovals = d.decodeNumber(k, v)
		case "max_revokes":
			s.MaxRevokes = d.decodeNumber(k, v)
		case "reinvite_rounds":
			s.ReinviteRounds = d.decodeNumber(k, v)
		case "unlisted":
			s.Unlisted = UnlistedPolicy(d.decodeChoice(k, v))
			d.unlistedAt = d.position(v)
		case "unlisted_after":
			s.UnlistedAfter = d.decodeDuration(k, v)
		case "extra_access":
			s.ExtraAccess = ExtraAccessPolicy(d.decodeChoice(k, v))
		case "hidden_members":
			s.HiddenMembers = HiddenMembersPolicy(d.decodeChoice(k, v))
		case "protected":
			s.Protected = d.decodeAddresses(k, v, make(map[string]firstUse))
		}
	})
}

func (d *decoder) decodeUsers(k *key, n *yaml.Node) {
	d.decodePeople(k, n)
	rest := d.rest
	d.rest = nil
	for _, part := range rest {
		list, problem := part.parse(d.file)
		if problem != nil {
			d.problems = append(d.problems, *problem)
			d.incomplete = true
			return
		}
		d.decodePeople(k, list)
	}
}

func (d *decoder) decodePeople(k *key, list *yaml.Node) {
	d.roster.People = slices.Grow(d.roster.People, len(list.Content))
	d.decodeItems(k, list, func(k *key, v *yaml.Node) {
		if p := d.decodeEntry(v, k.section); !p.Email.IsZero() {
			d.roster.People = append(d.roster.People, p)
		}
	})
}

// decodeEntry reads an entry of users or members: an address, or a mapping with the keys of s. If the
// entry has no valid address, the Email of the result is zero.
func (d *decoder) decodeEntry(n *yaml.Node, s *section) Person {
	p := Person{At: d.position(n)}
	switch {
	case strings.HasPrefix(n.Value, "email:"):
		d.addProblem(n, `a space is missing after "email:"`)
	case n.Kind == yaml.ScalarNode:
		p.Email = d.decodeEmail(n, s)
	case !d.decodePerson(n, s, &p).has("email"):
		d.addProblem(n, `the entry has no "email"`)
	}
	return p
}

// decodeEmail returns the address of an entry with the keys of s; the zero address if it is invalid.
// A duplicate is invalid in users, but not in members.
func (d *decoder) decodeEmail(n *yaml.Node, s *section) org.Address {
	if s == &memberKeys {
		return d.decodeAddress(n)
	}
	return d.decodeNewAddress(n, d.addresses)
}

// decodePerson reads a mapping with the keys of s into p: an entry of users or members, or the
// defaults. It returns the keys that are present.
func (d *decoder) decodePerson(n *yaml.Node, s *section, p *Person) presentKeys {
	var fromAt Position
	present := d.decodeMapping(n, s, func(k *key, _, v *yaml.Node) {
		switch k.name {
		case "email":
			p.Email = d.decodeEmail(v, s)
		case "aliases":
			p.Aliases = d.decodeAddresses(k, v, d.addresses)
		case "name":
			p.Name = d.decodeText(k, v)
		case "note":
			p.Note = d.decodeText(k, v)
		case "external":
			p.External = d.decodeBool(k, v)
		case "from":
			p.From, fromAt = d.decodeDate(k, v), d.position(v)
		case "until":
			p.Until = d.decodeDate(k, v)
		case "api_enabled":
			enabled := d.decodeBool(k, v)
			p.APIEnabled = &enabled
		case "groups", "roles", "policies":
			*p.RefsPointer(k.access) = d.decodeRefs(k, v)
		}
	})
	if !p.Until.IsZero() && p.From > p.Until {
		d.problems.add(fromAt, `"from" is %v, which is after "until", %v`, p.From, p.Until)
	}
	return present
}

// finish does the checks that need all files, and merges the access of the teams and the defaults
// into each person. It returns a [*ProblemsError] if any file has a problem.
func (d *decoder) finish() (*Roster, error) {
	d.joinTeams()
	if !d.incomplete {
		d.checkMissing()
	}
	d.checkDomains()
	d.checkTeamAccess()
	if len(d.problems) > 0 {
		return nil, newProblemsError(d.problems)
	}
	d.mergeAccess()
	return d.roster, nil
}

// checkMissing reports required keys that no file has.
func (d *decoder) checkMissing() {
	if !d.hasUsers && !d.hasMembers {
		at := Position{d.roster.Files[0], 1, 1}
		if n := len(d.roster.Files); n > 1 {
			d.problems.add(at, `none of the %d files has a list of "users" or a team with members`, n)
		} else {
			d.problems.add(at, `the file has no list of "users" and no team with members`)
		}
	}
	policy := d.roster.Settings.Unlisted
	if !d.hasOrganization && (policy == UnlistedSuspend || policy == UnlistedRemove) {
		d.problems.add(d.unlistedAt, `"unlisted: %s" needs an "organization" at the top of the roster, so that orgsync `+
			`never acts on another organization`, policy)
	}
}

// checkDomains reports addresses outside the allowed domains.
func (d *decoder) checkDomains() {
	allowed := make(map[string]bool)
	for _, domain := range d.roster.Settings.AllowedDomains {
		allowed[domain] = true
	}
	if len(allowed) == 0 {
		return
	}
	for _, p := range d.roster.People {
		switch {
		case p.External:
			continue
		case p.OnlyInTeams && !allowed[p.Email.Domain()]:
			d.problems.add(p.At, `%s is outside the allowed domains: if this is intended, list them under "users" with `+
				`"external: true"`, quote(p.Email.String()))
			continue
		}
		for _, a := range p.Addresses() {
			if !allowed[a.Domain()] {
				d.problems.add(d.addresses[a.Key()].at,
					`%s is outside the allowed domains: add "external: true" if this is intended`, quote(a.String()))
			}
		}
	}
}
