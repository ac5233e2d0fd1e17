package roster

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// With its aliases expanded, a file may have maxAliasNodes nodes, and maxAliasNodesPerByte more for
// each of its bytes. This is enough for people who share long lists, but a small file cannot fill the
// memory.
const (
	maxAliasNodes        = 100_000
	maxAliasNodesPerByte = 3
)

// checkAliases returns a problem if an alias refers to a node that contains the alias. It also returns
// a problem if a file of size bytes would have too many nodes with its aliases expanded. It visits each
// node once, and expands nothing.
func checkAliases(file string, root *yaml.Node, size int) *Problem {
	c := aliasCounter{file: file, limit: maxAliasNodes + maxAliasNodesPerByte*size, expanded: make(map[*yaml.Node]int)}
	return c.count(root)
}

// aliasCounter counts the nodes of a file as if its aliases were expanded.
type aliasCounter struct {
	file  string
	limit int
	// total is the number of nodes so far.
	total int
	// expanded maps each node with an anchor to its number of nodes, as soon as that is known.
	expanded map[*yaml.Node]int
}

// count adds n and the nodes below it to the total, and returns the first problem.
func (c *aliasCounter) count(n *yaml.Node) *Problem {
	at := Position{c.file, n.Line, n.Column}
	if n.Kind == yaml.AliasNode {
		size, ended := c.expanded[n.Alias]
		if !ended { // the anchor precedes its aliases, so its node is still being counted
			return &Problem{at, fmt.Sprintf("the alias %s refers to a value that contains it", quote("*"+n.Value))}
		}
		if c.total += size; c.total > c.limit {
			return &Problem{at, fmt.Sprintf("with the alias %s the file expands to more than %d values: use fewer "+
				"aliases", quote("*"+n.Value), c.limit)}
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
