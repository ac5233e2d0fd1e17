package roster

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/org"
)

// decoder walks the nodes of one file after the other and gathers people and problems.
type decoder struct {
	roster   *Roster
	problems []Problem
	// file is the one being read.
	file string
	// via is the alias through which the walk came where it is; nil when the file says it right there.
	via *yaml.Node
	// setAt is where the keys stand that only one file may have.
	setAt map[string]Position
	// listed are the addresses and aliases of everybody so far, by canonical key.
	listed map[string]listing
	// unlistedAt is where the policy for unlisted people stands.
	unlistedAt Position
	// hasUsers and hasPin tell that some file has the key, right or wrong.
	hasUsers, hasPin bool
	// incomplete tells that some file could not be read to its end, so that nothing can be called missing.
	incomplete bool
}

// listing is where an address of the roster stands.
type listing struct {
	at       Position
	spelling string
}

func newDecoder() *decoder {
	return &decoder{
		roster: &Roster{Settings: Settings{
			MaxInvites:     defaultMaxInvites,
			MaxRemovals:    defaultMaxRemovals,
			MaxRevokes:     defaultMaxRevokes,
			UnlistedAfter:  defaultUnlistedAfter,
			HiddenMembers:  HiddenMembersHold,
			ReinviteRounds: defaultReinviteRounds,
			Unlisted:       UnlistedReport,
			ExtraAccess:    ExtraAccessReport,
		}},
		setAt:  make(map[string]Position),
		listed: make(map[string]listing),
	}
}

// decodeFile reads one file into the roster.
func (d *decoder) decodeFile(file string, data []byte) {
	d.file = file
	d.roster.Files = append(d.roster.Files, file)
	root, problem := parseFile(file, data)
	if problem != nil {
		d.problems = append(d.problems, *problem)
		d.incomplete = true
	}
	switch {
	case problem != nil && (root == nil || root.Tag == nullTag):
	case root == nil || root.Tag == nullTag || root.Kind == yaml.MappingNode && len(root.Content) == 0:
		d.problems = append(d.problems, Problem{Position{file, 1, 1}, `the file is empty: a roster has at least a list of "users"`})
		d.incomplete = true
	case root.Kind == yaml.SequenceNode:
		d.problem(root, `the file must be a mapping, not a list: put the list under "users:"`)
		d.incomplete = true
	default:
		d.top(root)
	}
}

func (d *decoder) top(n *yaml.Node) {
	if !d.fits(&key{kind: mappingKind}, n) {
		d.incomplete = true
		return
	}
	present := d.mapping(n, &rosterKeys, func(k *key, name, v *yaml.Node) {
		if k.kind != peopleKind {
			d.setOnce(k, name)
		}
		switch k.name {
		case "organization":
			d.roster.Organization, d.roster.OrganizationAt = d.text(k, v), d.at(v)
		case "settings":
			d.settings(v)
		case "defaults":
			d.person(v, &defaultsKeys, &d.roster.Defaults)
		case "users":
			d.users(k, v)
		}
	})
	d.hasUsers = d.hasUsers || present["users"]
	d.hasPin = d.hasPin || present["organization"]
}

// setOnce reports a key that another file has already.
func (d *decoder) setOnce(k *key, name *yaml.Node) {
	if first, ok := d.setAt[k.name]; ok {
		d.problem(name, "%s already stands at %v: only one file may have it", k, first)
		return
	}
	d.setAt[k.name] = d.at(name)
}

func (d *decoder) settings(n *yaml.Node) {
	s := &d.roster.Settings
	d.mapping(n, &settingsKeys, func(k *key, _, v *yaml.Node) {
		switch k.name {
		case "allowed_domains":
			s.AllowedDomains = d.domains(k, v)
		case "max_invites":
			s.MaxInvites = d.number(k, v)
		case "max_removals":
			s.MaxRemovals = d.number(k, v)
		case "max_revokes":
			s.MaxRevokes = d.number(k, v)
		case "reinvite_rounds":
			s.ReinviteRounds = d.number(k, v)
		case "unlisted":
			s.Unlisted = UnlistedPolicy(d.choice(k, v))
			d.unlistedAt = d.at(v)
		case "unlisted_after":
			s.UnlistedAfter = d.duration(k, v)
		case "extra_access":
			s.ExtraAccess = ExtraAccessPolicy(d.choice(k, v))
		case "hidden_members":
			s.HiddenMembers = HiddenMembersPolicy(d.choice(k, v))
		case "protected":
			s.Protected = d.protected(k, v)
		}
	})
}

func (d *decoder) users(k *key, n *yaml.Node) {
	d.roster.People = slices.Grow(d.roster.People, len(n.Content))
	d.items(k, n, func(_ *key, v *yaml.Node) {
		p := Person{At: d.at(v)}
		if present := d.person(v, &personKeys, &p); !present["email"] {
			d.problem(v, `the entry has no "email"`)
		}
		if !p.Email.IsZero() {
			d.roster.People = append(d.roster.People, p)
		}
	})
}

// person reads an entry of users or, with the keys of s only, the defaults.
func (d *decoder) person(n *yaml.Node, s *section, p *Person) map[string]bool {
	return d.mapping(n, s, func(k *key, _, v *yaml.Node) {
		switch k.name {
		case "email":
			p.Email = d.personAddress(v)
		case "aliases":
			d.items(k, v, func(k *key, v *yaml.Node) {
				if a := d.personAddress(v); !a.IsZero() {
					p.Aliases = append(p.Aliases, a)
				}
			})
		case "name":
			p.Name = d.text(k, v)
		case "note":
			p.Note = d.text(k, v)
		case "external":
			p.External = d.flag(k, v)
		case "until":
			p.Until = d.date(k, v)
		case "api_enabled":
			enabled := d.flag(k, v)
			p.APIEnabled = &enabled
		case "groups":
			p.Groups = d.refs(k, v)
		case "roles":
			p.Roles = d.refs(k, v)
		case "policies":
			p.Policies = d.refs(k, v)
		}
	})
}

// finish merges the defaults into everybody, after the checks that need all files.
func (d *decoder) finish() (*Roster, error) {
	if !d.incomplete {
		d.checkMissing()
	}
	d.checkDomains()
	if len(d.problems) > 0 {
		return nil, newProblemsError(d.problems)
	}
	defaults := &d.roster.Defaults
	for i := range d.roster.People {
		p := &d.roster.People[i]
		if p.APIEnabled == nil {
			p.APIEnabled = defaults.APIEnabled
		}
		p.Groups = withDefaults(defaults.Groups, p.Groups)
		p.Roles = withDefaults(defaults.Roles, p.Roles)
		p.Policies = withDefaults(defaults.Policies, p.Policies)
	}
	return d.roster, nil
}

// checkMissing reports what no file has.
func (d *decoder) checkMissing() {
	if !d.hasUsers {
		where := "the file has no"
		if n := len(d.roster.Files); n > 1 {
			where = fmt.Sprintf("none of the %d files has a", n)
		}
		d.problems = append(d.problems, Problem{Position{d.roster.Files[0], 1, 1}, where + ` list of "users"`})
	}
	if policy := d.roster.Settings.Unlisted; !d.hasPin && (policy == UnlistedSuspend || policy == UnlistedRemove) {
		d.problems = append(d.problems, Problem{d.unlistedAt,
			fmt.Sprintf(`"unlisted: %s" needs an "organization" at the top of the roster, so that it never acts on another one`, policy)})
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
	check := func(a org.Address) {
		if !allowed[a.Domain()] {
			d.problems = append(d.problems, Problem{d.listed[a.Key()].at,
				fmt.Sprintf(`%s is outside the allowed domains: add "external: true" if that is on purpose`, quote(a.String()))})
		}
	}
	for _, p := range d.roster.People {
		if p.External {
			continue
		}
		check(p.Email)
		for _, a := range p.Aliases {
			check(a)
		}
	}
}

// withDefaults puts the defaults before a person's own, without repetition; nil when neither is given.
func withDefaults(defaults, own []Ref) []Ref {
	switch {
	case own == nil:
		return slices.Clip(defaults)
	case len(defaults) == 0:
		return own
	}
	merged := make([]Ref, len(defaults), len(defaults)+len(own))
	copy(merged, defaults)
	for _, r := range own {
		if !named(defaults, r.Name) {
			merged = append(merged, r)
		}
	}
	return merged
}

// named tells whether refs, of which there are few, have one with the name.
func named(refs []Ref, name string) bool {
	return slices.ContainsFunc(refs, func(r Ref) bool { return r.Name == name })
}
