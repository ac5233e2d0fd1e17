package roster

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/state"
)

// member is a membership with the address of the person. joinTeams finds the person after all files
// are read.
type member struct {
	Membership
	email org.Address
}

// decodeTeams reads the teams of one file.
func (d *decoder) decodeTeams(k *key, n *yaml.Node) {
	item := k.items()
	nameKey := key{name: k.name, kind: textKind, max: maxName}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		text := strings.TrimSpace(name.Value)
		switch textProblem := nameKey.textProblem(text); {
		case name.Kind != yaml.ScalarNode:
			d.addProblem(name, "the name of a team must be text, not %s", describeNode(name))
			continue
		case name.Tag == mergeTag:
			d.addProblem(name, mergeKeyProblem)
			continue
		case name.Tag == nullTag:
			d.addProblem(name, "a team has no name: if this word is meant as a name, put it in quotes")
			continue
		case textProblem != "":
			d.addProblem(name, "the name of a team %s", textProblem)
			continue
		}
		d.checkTag(name)
		if first, found := d.teamIndex[text]; found {
			d.addProblem(name, "the team %s is already set at %v: set each team only once, with all its members",
				quote(text), d.roster.Teams[first].At)
			continue
		}
		d.teamIndex[text] = len(d.roster.Teams)
		d.roster.Teams = append(d.roster.Teams, Team{Name: text, At: d.position(name)})
		d.followAlias(value, func(v *yaml.Node) {
			if d.checkValue(item, v) {
				d.decodeTeam(v, &d.roster.Teams[len(d.roster.Teams)-1])
			} else {
				d.hasMembers = true // the invalid team may have members
			}
		})
	}
}

func (d *decoder) decodeTeam(n *yaml.Node, t *Team) {
	empty := false
	present := d.decodeMapping(n, &teamKeys, func(k *key, _, v *yaml.Node) {
		switch k.name {
		case "description":
			t.Description = d.decodeText(k, v)
		case "groups", "roles", "policies":
			*t.RefsPointer(k.access) = d.decodeRefs(k, v)
		case "members":
			empty = len(v.Content) == 0
			d.decodeItems(k, v, func(k *key, v *yaml.Node) {
				if p := d.decodeEntry(v, k.section); !p.Email.IsZero() {
					d.members = append(d.members, member{Membership{t.Name, p.Until, p.Note, p.At}, p.Email})
				}
			})
		}
	})
	d.hasMembers = d.hasMembers || present.has("members") && !empty
}

// joinTeams adds each membership to the person who has its address or alias. If no entry of users
// lists the person, joinTeams adds the person to the roster.
func (d *decoder) joinTeams() {
	if len(d.members) == 0 {
		return
	}
	people := d.roster.People
	listed := len(people)
	byKey := make(map[string]int, listed+len(d.members))
	for i := range people {
		for _, a := range people[i].Addresses() {
			byKey[a.Key()] = i
		}
	}
	for _, m := range d.members {
		i, found := byKey[m.email.Key()]
		if !found {
			i = len(people)
			byKey[m.email.Key()] = i
			people = append(people, Person{Email: m.email, OnlyInTeams: true, At: m.At})
		}
		people[i].Teams = append(people[i].Teams, m.Membership)
	}
	for i := range people[listed:] {
		p := &people[listed+i]
		p.Until = p.Teams[0].Until
		for _, m := range p.Teams[1:] {
			p.Until = p.Until.LaterEnd(m.Until)
		}
	}
	d.roster.People = people
}

// checkTeamAccess adds a problem if all memberships together give too much access for the size of the
// files. Otherwise, a small file could fill the memory.
func (d *decoder) checkTeamAccess() {
	limit, total := maxAliasNodes+maxAliasNodesPerByte*d.size, 0
	for i := range d.roster.People {
		for _, m := range d.roster.People[i].Teams {
			team := &d.roster.Teams[d.teamIndex[m.Team]]
			if total += len(team.Groups) + len(team.Roles) + len(team.Policies); total > limit {
				d.problems.add(m.At, "the teams give people more than %d groups, roles and policies in all: give what "+
					`everybody has under "defaults", or make fewer teams`, limit)
				return
			}
		}
	}
}

// mergeAccess adds the access of the defaults and of the teams to each person. A kind of access that
// one team manages is managed for everybody. Otherwise, people who leave a team would keep its access.
func (d *decoder) mergeAccess() {
	defaults := &d.roster.Defaults
	managed := make(map[org.Kind]bool)
	for i := range d.roster.Teams {
		for _, kind := range org.Kinds {
			managed[kind] = managed[kind] || d.roster.Teams[i].Refs(kind) != nil
		}
	}
	for i := range d.roster.People {
		p := &d.roster.People[i]
		if p.APIEnabled == nil {
			p.APIEnabled = defaults.APIEnabled
		}
		for _, kind := range org.Kinds {
			refs := p.RefsPointer(kind)
			*refs = d.mergeRefs(kind, *refs, p.Teams)
			if *refs == nil && managed[kind] {
				*refs = []Ref{}
			}
		}
	}
}

// mergeRefs returns the refs of the defaults, of an entry (own) and of the memberships, in this order and without
// duplicates. It returns nil if none of these has a list of this kind.
func (d *decoder) mergeRefs(kind org.Kind, own []Ref, memberships []Membership) []Ref {
	var merged []Ref
	var indices map[string]int // of the names in merged; nil while merged is one of the original lists
	add := func(given []Ref, until Day) {
		switch {
		case given == nil:
			return
		case merged == nil && until.IsZero():
			merged = slices.Clip(given) // not a copy: most people have only one list, often the list of a team
			return
		case indices == nil:
			merged = append(make([]Ref, 0, len(merged)+len(given)), merged...)
			indices = make(map[string]int, len(merged)+len(given))
			for i, r := range merged {
				indices[r.Name] = i
			}
		}
		for _, r := range given {
			r.Until = until
			if i, found := indices[r.Name]; found {
				merged[i].Until = merged[i].Until.LaterEnd(until)
				continue
			}
			indices[r.Name] = len(merged)
			merged = append(merged, r)
		}
	}
	add(d.roster.Defaults.Refs(kind), 0)
	add(own, 0)
	for _, m := range memberships {
		add(d.roster.Teams[d.teamIndex[m.Team]].Refs(kind), m.Until)
	}
	return merged
}

// decodeState returns the place of the ledger; "" if it is invalid. Problems do not quote the value,
// because it may contain a secret.
func (d *decoder) decodeState(k *key, n *yaml.Node) string {
	text := d.decodeText(k, n)
	if text == "" {
		return ""
	}
	if hasSecret(text) {
		d.addProblem(n, `%s holds a secret: remove it here, and replace the secret if this file was shared; orgsync reads `+
			`secrets from the environment`, k)
		return ""
	}
	_, err := state.ParseLocation(text)
	if problem, ok := errors.AsType[*state.Problem](err); ok {
		d.addProblem(n, "%s: %v; %s", k, problem, problem.Advice)
		return ""
	}
	d.roster.StateFile = d.file
	return text
}

// settingNames matches the names of settings in a URL or a connection string, as in name=value.
var settingNames = lazyregexp.New(`([\w-]+)\s*=`)

// hasSecret reports whether the place of a ledger has a password, or a setting whose name suggests a
// secret.
func hasSecret(text string) bool {
	for _, match := range settingNames().FindAllStringSubmatch(text, -1) {
		if isSecretName(match[1]) {
			return true
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	_, hasPassword := u.User.Password()
	return hasPassword
}

// isSecretName reports whether the name of a setting suggests that its value is a secret.
func isSecretName(name string) bool {
	name = normalizeName(name)
	return slices.ContainsFunc([]string{"password", "passwd", "secret", "token", "accesskey"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}
