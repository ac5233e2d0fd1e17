package roster

import (
	"bytes"
	"fmt"
	"testing"

	"gopkg.in/yaml.v3"
)

// rosterOf returns a roster of n people, each with some of the fields.
func rosterOf(people int) []byte {
	var b bytes.Buffer
	b.WriteString("settings:\n  allowed_domains: [example.com]\ndefaults:\n  groups: [everyone]\nusers:\n")
	for i := range people {
		fmt.Fprintf(&b, "  - email: person.%d@example.com\n    name: Person %d\n    groups: [platform]\n    until: "+
			"2027-03-31\n", i, i)
	}
	return b.Bytes()
}

// The benchmark measures the decoder and, for comparison, the time in which yaml.v3 alone builds the nodes.
func BenchmarkLoad(b *testing.B) {
	full := rosterOf(10_000)
	var short bytes.Buffer
	short.WriteString("users:\n")
	for i := range 10_000 {
		fmt.Fprintf(&short, "  - email: person.%d@example.com\n", i)
	}
	for name, data := range map[string][]byte{"full": full, "short": short.Bytes()} {
		b.Run(name+"/roster", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parse("users.yaml", data); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/yaml.v3", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				var n yaml.Node
				if err := yaml.Unmarshal(data, &n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
