// Package policy is what the platform allows: it reads the Composition's input
// and judges claims by it. Errors are in words for whoever must act on them,
// tenants or the platform team, and the same each time the same is wrong.
package rules

import (
	"slices"
	"strings"

	"github.com/crossplane/function-sdk-go/errors"
)

// Policy is what the platform allows: an input that was checked, its rules
// compiled. It does not change, so it is safe for concurrent use.
type Policy struct {
	defaultPool string
	pools       []*Pool
	rules       []rule
	namespace   bool
}

// Pool returns the pool of this name, or the default pool for none. It belongs
// to the policy: it must not be changed.
func (p *Policy) Pool(name string) (*Pool, error) {
	if name == "" {
		name = p.defaultPool
	}

	i := slices.IndexFunc(p.pools, func(pool *Pool) bool { return pool.Name == name })
	if i < 0 {
		return nil, errors.Errorf("storage pool %q does not exist; there is %s", name, p.poolNames())
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

// NeedsNamespace says whether some rule is about the claim's namespace.
func (p *Policy) NeedsNamespace() bool {
	return p.namespace
}
