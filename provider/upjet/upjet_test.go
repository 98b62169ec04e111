package upjet

import "testing"

// TestConfigs checks the properties that every kind must have.
func TestConfigs(t *testing.T) {
	seen := map[string]bool{}

	for _, c := range Configs() {
		if seen[c.GVK().String()] {
			t.Errorf("%s: the kind is configured twice", c.GVK())
		}

		seen[c.GVK().String()] = true

		// No value on the server may be copied into the spec.
		ignored := map[string]bool{}
		for _, f := range c.LateInitializer.IgnoredFields {
			ignored[f] = true
		}

		for field := range c.TerraformResource.Schema {
			if !ignored[field] {
				t.Errorf("%s: field %s is late-initialized", c.Kind, field)
			}
		}

		for _, field := range c.naming.fields {
			if c.TerraformResource.Schema[field] == nil {
				t.Errorf("%s: its external name uses field %s, which it does not have", c.Kind, field)
			}
		}

		// Setting these would defeat the guards.
		for _, field := range []string{"force_destroy", "force_new_credentials"} {
			if f := c.TerraformResource.Schema[field]; f != nil && (f.Optional || f.Required || !f.Computed) {
				t.Errorf("%s: %s can be set", c.Kind, field)
			}
		}

		if c.UseAsync {
			t.Errorf("%s: it is asynchronous, so a reconcile does not learn the outcome", c.Kind)
		}
	}
}

// configOf returns the configuration of a kind.
func configOf(t *testing.T, name string) *Config {
	t.Helper()

	for _, c := range Configs() {
		if c.Kind == name {
			return c
		}
	}

	t.Fatalf("there is no kind %s", name)

	return nil
}
