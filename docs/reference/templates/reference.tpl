{{- define "gvList" -}}
<!-- Generated from apis/ by make generate. DO NOT EDIT. -->
{{- range . }}

# {{ .GroupVersionString }}
{{- with trim .Doc }}

{{ . }}
{{- end }}

Kinds: {{ range $i, $k := .SortedKinds }}{{ if $i }}, {{ end }}[{{ $k }}](#{{ lower $k }}){{ end }}.
[Index](README.md).
{{- range .SortedTypes }}{{ if markdownShouldRenderType . }}{{ template "type" . }}{{ end }}{{ end }}
{{- end }}
{{ end -}}

{{- define "type" }}
{{- $package := .Package }}

## {{ .Name }}
{{- range $i, $r := .SortedReferences }}
{{- if and (eq $r.Package $package) (not (hasSuffix "InitParameters" $r.Name)) }}
{{ if not $i }}
Used in:{{ end }} {{ markdownRenderTypeLink $r }}
{{- end }}
{{- end }}
{{- with trim .Doc }}

{{ replace "<" "&lt;" . }}
{{- end }}
{{- with index .Markers "kubebuilder:validation:XValidation" }}

Rules:
{{ range . }}
- {{ .Message }}
{{- end }}
{{- end }}
{{- if .EnumValues }}

| value | meaning |
| --- | --- |
{{- range .EnumValues }}
| `{{ .Name }}` | {{ template "text" .Doc }} |
{{- end }}
{{- else if .Members }}

| field | type | meaning | default | validation |
| --- | --- | --- | --- | --- |
{{- range .Members }}
| `{{ .Name }}` | {{ markdownRenderType .Type }} | {{ template "meaning" . }} | {{ with .Default }}`{{ trimAll "\"" . }}`{{ end }} | {{ template "validation" . }} |
{{- end }}
{{- end }}
{{- end }}

{{- /* Fields that every managed resource has, in fewer words than Crossplane's. */ -}}
{{- define "meaning" }}
{{- if eq .Name "metadata" }}Kubernetes' own.
{{- else if eq .Name "managementPolicies" }}What Crossplane may do with the external resource.
{{- else if eq .Name "providerConfigRef" }}Kind and name of the provider configuration to use.
{{- else if eq .Name "writeConnectionSecretToRef" }}Name of the Secret, in the resource's namespace, that holds the connection details.
{{- else }}{{ template "text" .Doc }}
{{- end }}
{{- end }}

{{ define "text" }}{{ . | replace "<" "&lt;" | markdownRenderFieldDoc | replace "<br />" " " | replace "\\{" "{" | replace "\\}" "}" | trim }}{{ end }}

{{- define "validation" }}
{{- $first := true }}
{{- range .Validation }}
{{- if not (hasPrefix "Optional" .) }}{{ if not $first }}; {{ end }}{{ $first = false }}{{ replace "|" "\\|" . | replace ": {}" "" }}{{ end }}
{{- end }}
{{- range index .Markers "kubebuilder:validation:XValidation" }}{{ if not $first }}; {{ end }}{{ $first = false }}{{ .Message }}{{ end }}
{{- end }}
