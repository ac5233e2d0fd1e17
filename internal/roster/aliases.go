package roster

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// Aliases may blow a file up to this many nodes, and by so many for each byte of it: enough for everybody to share
// long lists, too little to fill the memory from a small file.
const (
	maxAliasNodes        = 100_000
	maxAliasNodesPerByte = 3
)

// checkAliases finds an alias inside of what it names, and aliases that stand for far more than a file of size bytes
// should. It looks at each node once and expands nothing.
func checkAliases(file string, root *yaml.Node, size int) *Problem {
	c := aliasCounter{file: file, limit: maxAliasNodes + maxAliasNodesPerByte*size, expanded: make(map[*yaml.Node]int)}
	return c.count(root)
}

type aliasCounter struct {
	file  string
	limit int
	// total is how many nodes those seen so far stand for, aliases expanded.
	total int
	// expanded is the same for each anchored node that has been seen to its end.
	expanded map[*yaml.Node]int
}

func (c *aliasCounter) count(n *yaml.Node) *Problem {
	at := Position{c.file, n.Line, n.Column}
	if n.Kind == yaml.AliasNode {
		size, ended := c.expanded[n.Alias]
		if !ended { // an anchor stands before its aliases, so this one is still open
			return &Problem{at, fmt.Sprintf("the alias %s stands inside of what it names", quote("*"+n.Value))}
		}
		if c.total += size; c.total > c.limit {
			return &Problem{at, fmt.Sprintf("with the alias %s the file stands for more than %d values: write it out with fewer aliases", quote("*"+n.Value), c.limit)}
		}
		return nil
	}
	before := c.total
	c.total++
	for _, child := range n.Content {
		if p := c.count(child); p != nil {
			return p
		}
	}
	if n.Anchor != "" {
		c.expanded[n] = c.total - before
	}
	return nil
}
