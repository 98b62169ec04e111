package main

import (
	"testing"

	"google.golang.org/protobuf/types/known/structpb"
)

// FuzzDecodeInput feeds whatever a Composition may hold: an input that is taken
// must have a pool to choose by default.
func FuzzDecodeInput(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"input.cistern.dev/v1alpha1","kind":"Input","defaultPool":"a","pools":[{"name":"a","providerConfigRef":{"kind":"ClusterProviderConfig","name":"a"}}]}`))
	f.Add([]byte(`{"pools":null}`))
	f.Add([]byte(`{"apiVersion":"input.cistern.dev/v1alpha1","kind":"Input","pools":[{}]}`))

	f.Fuzz(func(t *testing.T, b []byte) {
		s := &structpb.Struct{}
		if err := s.UnmarshalJSON(b); err != nil {
			t.Skip("not a JSON object")
		}

		in, err := decodeInput(s)
		if err != nil {
			return
		}

		if _, err := choosePool(in, ""); err != nil {
			t.Errorf("decodeInput(%s) took an input without a default pool: %v", b, err)
		}
	})
}
