package main

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"
)

// managedResource is a composed managed resource. Its Resource is nil before Crossplane has created it.
type managedResource struct {
	resource.ObservedComposed
}

func (m managedResource) exists() bool { return m.Resource != nil }

// providerConfigRef returns the resource's provider configuration, which determines its server, and
// reports whether it has one.
func (m managedResource) providerConfigRef() (xpv1.ProviderConfigReference, bool) {
	kind, _ := m.field("spec", "providerConfigRef", "kind").(string)
	name, _ := m.field("spec", "providerConfigRef", "name").(string)

	return xpv1.ProviderConfigReference{Kind: kind, Name: name}, kind != "" && name != ""
}

// keep returns the resource with the spec that it has.
func (m managedResource) keep() *composed.Unstructured {
	r := m.Resource

	return newComposed(r.GetAPIVersion(), r.GetKind(), r.GetName(), map[string]any{"spec": m.field("spec")})
}

// ready reports whether the resource is Ready and Synced, for its current generation.
func (m managedResource) ready() bool {
	return m.wasReady() && m.isCurrent(xpv1.TypeReady) && m.isCurrent(xpv1.TypeSynced)
}

// wasReady reports whether the resource is Ready and Synced, for its current or an earlier generation.
func (m managedResource) wasReady() bool {
	return m.condition(xpv1.TypeReady)["status"] == string(corev1.ConditionTrue) &&
		m.condition(xpv1.TypeSynced)["status"] == string(corev1.ConditionTrue)
}

// isCurrent reports whether a condition is about the resource's current generation.
func (m managedResource) isCurrent(t xpv1.ConditionType) bool {
	c := m.condition(t)

	// Not every condition has an observedGeneration.
	observed, known := c["observedGeneration"].(float64)

	return !known || int64(observed) >= m.generation()
}

// generation returns the resource's generation, 0 if it does not exist. Numbers of observed resources are float64,
// for which GetGeneration would return 0.
func (m managedResource) generation() int64 {
	g, _ := m.field("metadata", "generation").(float64)

	return int64(g)
}

// failure returns the message of the condition that keeps the resource from being ready, if it has one.
func (m managedResource) failure() string {
	c := m.condition(xpv1.TypeSynced)
	if c["status"] != string(corev1.ConditionFalse) {
		c = m.condition(xpv1.TypeReady)
	}

	message, _ := c["message"].(string)

	return strings.TrimSpace(message)
}

// condition returns the resource's condition of a type, nil if there is none.
func (m managedResource) condition(t xpv1.ConditionType) map[string]any {
	conditions, _ := m.field("status", "conditions").([]any)

	return condition(conditions, t)
}

func condition(conditions []any, t xpv1.ConditionType) map[string]any {
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == string(t) {
			return c
		}
	}

	return nil
}

// field returns a field of the resource, nil if it is not set.
func (m managedResource) field(path ...string) any {
	if !m.exists() {
		return nil
	}

	return nested(m.Resource.Object, path...)
}

// nested returns a field of an object, nil if it is not set or one of its parents is not an object.
func nested(obj map[string]any, path ...string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(obj, path...)

	return v
}
