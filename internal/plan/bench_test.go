package plan_test

import (
	"fmt"
	"testing"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// BenchmarkCompute plans for people: half are members with a group, half are invited. The time for one person
// must stay flat.
func BenchmarkCompute(b *testing.B) {
	for _, n := range []int{1_000, 20_000, 200_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := world()
			in.Roster.People = nil
			in.Roster.Settings.MaxInvites = n
			group := org.Access{Kind: org.KindGroup, ID: "g1", Name: "everyone", Holders: map[string]string{}}
			for i := range n {
				email := fmt.Sprintf("person%06d@example.com", i)
				p := person(email, i)
				p.Groups = named("everyone")
				in.Roster.People = append(in.Roster.People, p)
				id := fmt.Sprint("id", i)
				if i%2 == 0 {
					in.Snapshot.Users = append(in.Snapshot.Users, user(id, email))
					in.Memory.People[email] = org.PersonRecord{Joined: true, UserID: id}
					group.Holders[id] = id
					continue
				}
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, row(id, email, org.StatusPending, -10))
				m := sent(i, id, -10)
				m.Email = email
				remember(&in, m)
			}
			in.Snapshot.Access = []org.Access{group}
			b.ReportAllocs()
			for b.Loop() {
				if p := plan.Compute(in); len(p.Changes) != 0 {
					b.Fatal("there is something to do")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/person")
		})
	}
}
