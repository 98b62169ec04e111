package minio

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestSecretIsRedacted(t *testing.T) {
	const value = "do-not-show-me"

	holder := struct {
		Key Secret
		Ptr *Secret
	}{Key: value}
	p := Secret(value)
	holder.Ptr = &p

	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatalf("json.Marshal(...): %v", err)
	}

	cases := map[string]string{
		"Verb_v":   fmt.Sprintf("%v", holder.Key),
		"Stringer": holder.Key.String(),
		"Verb_q":   fmt.Sprintf("%q", holder.Key),
		"Struct":   fmt.Sprintf("%v %+v %#v", holder, holder, holder),
		"JSON":     string(encoded),
		"Errorf":   fmt.Errorf("cannot use %v", holder.Key).Error(),
		"MapValue": fmt.Sprint(map[string]Secret{"k": holder.Key}),
	}

	for name, got := range cases {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(got, value) {
				t.Errorf("credential shows in %q", got)
			}
		})
	}

	if holder.Key.Reveal() != value {
		t.Errorf("Reveal(): want the credential itself")
	}
}
