package main

import (
	"maps"
	"regexp"
	"strings"
)

// node is a part of a schema.
type node = map[string]any

const (
	dialect = "https://json-schema.org/draft/2020-12/schema"
	// names are those of accounts, stores, policies, schedules and so on.
	names = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
)

// lists are fields of which the page says no more than that they are lists.
var lists = map[string]string{"credentials targets": "credentials-targets"}

// elsewhere are fields that are required where another does not take their place.
var elsewhere = map[string]bool{"credentials target": true}

// configuration is the schema of keyturn.yaml.
func (p *page) configuration() any {
	return node{"$schema": dialect, "title": "keyturn.yaml", "$ref": "#/$defs/keyturnyaml", "$defs": p.definitions()}
}

// included is the schema of a YAML file with more credentials.
func (p *page) included() any {
	return node{"$schema": dialect, "title": "credentials of keyturn", "type": "array", "items": p.ref("credentials"), "$defs": p.definitions()}
}

func (p *page) definitions() node {
	all := node{}
	for _, name := range p.order {
		all[name] = p.object(name, p.tables[name])
	}
	// A single store stands in place of stores.
	single, stores := p.object("vaultstoresname", p.tables["vaultstoresname"]), p.object("vault", p.tables["vault"])
	maps.Copy(stores["properties"].(node), single["properties"].(node)) //nolint:forcetypeassert // both are objects
	all["vault"] = stores
	return all
}

func (p *page) ref(name string) node { return node{"$ref": "#/$defs/" + name} }

// object is what a table says. A value that is left out counts as an empty object.
func (p *page) object(name string, rows []row) node {
	properties, required := node{}, []string{}
	for _, r := range rows {
		property := p.value(name, r)
		if r.meaning != "" {
			property["description"] = r.meaning
		}
		properties[r.field] = property
		if r.fallback == "required" && !elsewhere[name+" "+r.field] {
			required = append(required, r.field)
		}
	}
	o := node{"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		o["type"], o["required"] = "object", required
	}
	return o
}

// value is what a field may have: each of what the page says with "or".
func (p *page) value(name string, r row) node {
	if of := lists[name+" "+r.field]; of != "" {
		return node{"type": "array", "items": p.ref(of)}
	}
	var either []node
	kinds := strings.ReplaceAll(r.kind, ", or ", " or ")
	for kind := range strings.SplitSeq(kinds, " or ") {
		either = append(either, p.kind(strings.TrimSuffix(kind, ", not Vault")))
	}
	if len(either) == 1 {
		return either[0]
	}
	return node{"anyOf": either}
}

var (
	named  = regexp.MustCompile(`^\[[a-z]+\]\(#([a-z-]+)\)$`)
	others = regexp.MustCompile(`^(map|list) of (.+)$`)
)

func (p *page) kind(kind string) node {
	if m := named.FindStringSubmatch(kind); m != nil {
		if kind == "[list](#"+m[1]+")" {
			return node{"type": "array", "items": p.ref(m[1])}
		}
		return p.ref(m[1])
	}
	if m := others.FindStringSubmatch(kind); m != nil {
		of := p.kind(strings.TrimSuffix(m[2], "s"))
		if m[1] == "list" {
			return node{"type": "array", "items": of}
		}
		all := node{"type": []string{"object", "null"}, "additionalProperties": of}
		if strings.HasSuffix(m[2], "name)") {
			all["propertyNames"] = node{"pattern": names, "maxLength": 64}
		}
		return all
	}
	switch kind {
	case "number":
		return node{"type": "integer"}
	case "boolean":
		return node{"type": "boolean"}
	case "list":
		return node{"type": "array", "items": node{"type": "string"}}
	case "duration":
		return node{"type": "string", "pattern": "^[0-9]"}
	case "`{wrapped: {file: PATH}}`":
		file := node{"type": "object", "additionalProperties": false, "required": []string{"file"}, "properties": node{"file": node{"type": "string"}}}
		return node{"type": "object", "additionalProperties": false, "required": []string{"wrapped"}, "properties": node{"wrapped": file}}
	}
	return node{"type": "string", "minLength": 1}
}
