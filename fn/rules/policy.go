// Package rules holds the platform's policy: its pools with their defaults and limits, and the rules
// that every claim must meet. It reads the policy from the Composition's input. Errors are
// deterministic, and written for the reader who must act on them: the tenant or the platform team.
package rules

import (
	"slices"
	"strings"

	"github.com/crossplane/function-sdk-go/errors"
)

// Policy is a validated input with compiled rules. It does not change, so it is safe for concurrent use.
type Policy struct {
	defaultPool string
	pools       []*Pool
	rules       []rule
	namespace   bool
}

// Pool returns the pool of the given name; the empty name stands for the default pool. The error lists
// the pools that exist.
func (p *Policy) Pool(name string) (*Pool, error) {
	if name == "" {
		name = p.defaultPool
	}

	i := slices.IndexFunc(p.pools, func(pool *Pool) bool { return pool.Name == name })
	if i < 0 {
		return nil, errors.Errorf("storage pool %q does not exist; the pools are %s", name, p.poolNames())
	}

	return p.pools[i], nil
}

func (p *Policy) poolNames() string {
	names := make([]string, 0, len(p.pools))
	for _, pool := range p.pools {
		names = append(names, pool.Name)
	}

	slices.Sort(names)

	return strings.Join(names, ", ")
}

// NeedsNamespace reports whether a rule needs the claim's namespace.
func (p *Policy) NeedsNamespace() bool {
	return p.namespace
}
