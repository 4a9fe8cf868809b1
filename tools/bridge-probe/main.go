// A provider on Pulumi's real Terraform bridge whose cloud is a JSON file: what the bridge and the engine do, without a cloud.
//
// Its resources are guarded as those of terraform-provider-aws are: `Machine` as aws_sfn_state_machine, `Job` as
// aws_batch_job_definition, `Object` as aws_s3_object. tests/bridge/stand_in.py is the same provider in Python, on what
// the local aws plugin is made of; tests/bridge tells both the same stories.
//
// The cloud is the file $PROBE_CLOUD: name → attributes, and under "calls" what was asked of it. While the file
// $PROBE_CLOUD.fail is there, the call that it names is refused; "create-after" makes the thing and fails then.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/validation"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

type attributes = map[string]any

type cloud struct {
	Things map[string]attributes `json:"things"`
	Calls  []string              `json:"calls"`
}

func load() cloud {
	found := cloud{Things: map[string]attributes{}}
	if text, err := os.ReadFile(os.Getenv("PROBE_CLOUD")); err == nil {
		_ = json.Unmarshal(text, &found)
	}
	return found
}

func (c cloud) save() {
	text, _ := json.Marshal(c)
	_ = os.WriteFile(os.Getenv("PROBE_CLOUD"), text, 0o600)
}

// ask notes a call, and refuses it if it is the one that fails.
func (c *cloud) ask(call, name string) error {
	c.Calls = append(c.Calls, call+" "+name)
	c.save()
	if word, err := os.ReadFile(os.Getenv("PROBE_CLOUD") + ".fail"); err == nil && strings.TrimSpace(string(word)) == call {
		return fmt.Errorf("AccessDeniedException: %s is refused", call)
	}
	return nil
}

// alone lets one call at a time have the file.
var alone sync.Mutex

// kind is one type of resource.
type kind struct {
	settings []string // what an update sends as a whole; tags are changed by themselves
	unread   []string // what the cloud does not tell
	revised  bool     // every change of the settings has a number
}

func (k kind) write(c *cloud, d *schema.ResourceData) {
	thing := c.Things[d.Id()]
	if thing == nil {
		thing = attributes{}
	}
	for _, name := range k.settings {
		thing[name] = d.Get(name)
		if block, ok := thing[name].([]any); ok { // as the stand-in has it
			thing[name] = nil
			if len(block) > 0 {
				thing[name] = block[0]
			}
		}
	}
	if source, ok := d.GetOk("source"); ok {
		text, _ := os.ReadFile(source.(string))
		thing["source"] = string(text)
	}
	if k.revised {
		revision, _ := thing["revision"].(float64)
		thing["revision"] = revision + 1
	}
	c.Things[d.Id()] = thing
	c.save()
}

func (k kind) create(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	alone.Lock()
	defer alone.Unlock()
	c, name := load(), d.Get("name").(string)
	if err := c.ask("create", name); err != nil {
		return diag.Errorf("creating Thing (%s): %s", name, err)
	}
	if _, there := c.Things[name]; there {
		return diag.Errorf("creating Thing (%s): AlreadyExists: it is there", name)
	}
	d.SetId(name)
	k.write(&c, d)
	if err := c.ask("create-after", name); err != nil {
		return diag.Errorf("waiting for Thing (%s): %s", name, err)
	}
	c.Things[name]["tags"] = d.Get("tags_all")
	c.save()
	return k.read(ctx, d, meta)
}

func (k kind) refresh(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	alone.Lock()
	defer alone.Unlock()
	return k.read(ctx, d, meta)
}

func (k kind) read(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
	c := load()
	thing, there := c.Things[d.Id()]
	if !there {
		d.SetId("")
		return nil
	}
	_ = d.Set("name", d.Id())
	for _, name := range k.settings {
		hidden := false
		for _, unread := range k.unread {
			hidden = hidden || unread == name
		}
		if block, ok := thing[name].(attributes); ok {
			_ = d.Set(name, []any{block})
		} else if !hidden {
			_ = d.Set(name, thing[name])
		}
	}
	if k.revised {
		_ = d.Set("revision", thing["revision"])
	}
	// as terraform-provider-aws: a tag that is a default one is not the resource's own
	own := attributes{}
	tags, _ := thing["tags"].(attributes)
	for key, value := range tags {
		if defaults[key] != value {
			own[key] = value
		}
	}
	_ = d.Set("tags", own)
	_ = d.Set("tags_all", tags)
	return nil
}

func (k kind) update(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	alone.Lock()
	defer alone.Unlock()
	c, name := load(), d.Id()
	if d.HasChangesExcept("tags", "tags_all") {
		if err := c.ask("update", name); err != nil {
			return diag.Errorf("updating Thing (%s): %s", name, err)
		}
		k.write(&c, d)
	}
	if d.HasChange("tags_all") {
		if err := c.ask("tag", name); err != nil {
			return diag.Errorf("tagging Thing (%s): %s", name, err)
		}
		c.Things[name]["tags"] = d.Get("tags_all")
		c.save()
	}
	return k.read(ctx, d, meta)
}

func (k kind) delete(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
	alone.Lock()
	defer alone.Unlock()
	c := load()
	if err := c.ask("delete", d.Id()); err != nil {
		return diag.Errorf("deleting Thing (%s): %s", d.Id(), err)
	}
	delete(c.Things, d.Id())
	c.save()
	return nil
}

func (k kind) plan(_ context.Context, d *schema.ResourceDiff, _ any) error {
	if k.revised && d.Id() != "" && d.HasChanges(k.settings...) {
		return d.SetNewComputed("revision")
	}
	return nil
}

func (k kind) resource(own map[string]*schema.Schema) *schema.Resource {
	fields := map[string]*schema.Schema{
		"name":     {Type: schema.TypeString, Required: true, ForceNew: true, ValidateFunc: validation.StringDoesNotContainAny(".")},
		"tags":     {Type: schema.TypeMap, Optional: true, Elem: &schema.Schema{Type: schema.TypeString}},
		"tags_all": {Type: schema.TypeMap, Optional: true, Computed: true, Elem: &schema.Schema{Type: schema.TypeString}},
	}
	for name, field := range own {
		fields[name] = field
	}
	return &schema.Resource{
		CreateContext: k.create, ReadContext: k.refresh, UpdateContext: k.update, DeleteContext: k.delete, CustomizeDiff: k.plan,
		Importer: &schema.ResourceImporter{StateContext: schema.ImportStatePassthroughContext},
		Schema:   fields,
	}
}

var defaults = attributes{}

// applyTags is what pulumi-aws does before every check: tags_all are the default tags and the resource's own.
func applyTags(_ context.Context, config, meta resource.PropertyMap) (resource.PropertyMap, error) {
	inputs, all := config.Copy(), resource.PropertyMap{}
	own := resource.NewObjectProperty(resource.PropertyMap{})
	if found, ok := config["tags"]; ok {
		own = found
	}
	if own.ContainsUnknowns() || resource.NewObjectProperty(meta).ContainsUnknowns() {
		inputs["tagsAll"] = resource.NewOutputProperty(resource.Output{Known: false})
		return inputs, nil
	}
	if found, ok := meta["defaultTags"]; ok && found.IsObject() {
		for key, value := range found.ObjectValue() {
			all[key] = value
		}
	}
	if own.IsObject() {
		for key, value := range own.ObjectValue() {
			all[key] = value
		}
	}
	inputs["tagsAll"] = resource.NewObjectProperty(all)
	return inputs, nil
}

func main() {
	text := func(s schema.Schema) *schema.Schema { s.Type = schema.TypeString; return &s }
	logging := &schema.Schema{Type: schema.TypeList, Optional: true, Computed: true, MaxItems: 1, Elem: &schema.Resource{
		Schema: map[string]*schema.Schema{
			"level":  text(schema.Schema{Optional: true}),
			"detail": {Type: schema.TypeBool, Optional: true},
		},
	}}
	provider := &schema.Provider{
		Schema: map[string]*schema.Schema{
			"default_tags": {Type: schema.TypeMap, Optional: true, Elem: &schema.Schema{Type: schema.TypeString}},
		},
		ConfigureContextFunc: func(_ context.Context, d *schema.ResourceData) (any, diag.Diagnostics) {
			defaults = d.Get("default_tags").(attributes)
			return nil, nil
		},
		ResourcesMap: map[string]*schema.Resource{
			"probe_machine": kind{settings: []string{"definition", "logging", "mode"}}.resource(map[string]*schema.Schema{
				"definition": text(schema.Schema{Required: true}),
				"mode":       text(schema.Schema{Optional: true, ForceNew: true, Default: "STANDARD"}),
				"logging":    logging,
			}),
			"probe_job": kind{settings: []string{"properties"}, revised: true}.resource(map[string]*schema.Schema{
				"properties": text(schema.Schema{Required: true}),
				"revision":   {Type: schema.TypeInt, Computed: true},
			}),
			"probe_object": kind{settings: []string{"content"}, unread: []string{"content"}}.resource(map[string]*schema.Schema{
				"content": text(schema.Schema{Optional: true}),
				"source":  text(schema.Schema{Optional: true}),
			}),
		},
	}
	token := func(module, name string) *tfbridge.ResourceInfo {
		return &tfbridge.ResourceInfo{Tok: tfbridge.MakeResource("probe", module, name), PreCheckCallback: applyTags}
	}
	object := token("index", "Object")
	object.Fields = map[string]*tfbridge.SchemaInfo{"source": {Asset: &tfbridge.AssetTranslation{Kind: tfbridge.FileAsset}}}
	tfbridge.Main("probe", "0.0.1", tfbridge.ProviderInfo{
		P: shim.NewProvider(provider), Name: "probe", Version: "0.0.1",
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Resources: map[string]*tfbridge.ResourceInfo{
			"probe_machine": token("index", "Machine"), "probe_job": token("index", "Job"), "probe_object": object,
		},
	}, []byte(`{"name": "probe"}`))
}
