package plan_test

import (
	"fmt"
	"testing"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// BenchmarkCompute makes a plan in which half of the people are members with a group, and half are pending. The time
// for each person must not grow with the number of people.
func BenchmarkCompute(b *testing.B) {
	for _, n := range []int{1_000, 20_000, 200_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := newInput()
			in.Roster.People = nil
			in.Roster.Settings.MaxInvites = n
			group := org.Access{Kind: org.KindGroup, ID: "g1", Name: "everyone", Holders: map[string]string{}}
			for i := range n {
				email := fmt.Sprintf("person%06d@example.com", i)
				p := person(email, i)
				p.Groups = refs("everyone")
				in.Roster.People = append(in.Roster.People, p)
				id := fmt.Sprint("id", i)
				if i%2 == 0 {
					in.Snapshot.Users = append(in.Snapshot.Users, user(id, email))
					in.Memory.People[email] = org.PersonRecord{Joined: true, UserID: id}
					group.Holders[id] = id
					continue
				}
				in.Snapshot.Invitations = append(in.Snapshot.Invitations, invitation(id, email, org.StatusPending, -10))
				m := sent(i, id, -10)
				m.Email = email
				addMails(&in, m)
			}
			in.Snapshot.Access = []org.Access{group}
			b.ReportAllocs()
			for b.Loop() {
				if p := plan.Compute(in); len(p.Changes) != 0 {
					b.Fatal("the plan has changes")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/person")
		})
	}
}
