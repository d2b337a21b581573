// Puts the stored scene behind the person and lays the person's shadow and contact darkening on it.
in vec2 uv;
uniform sampler2D still_map; uniform sampler2D direct_map; uniform sampler2D place_map;
uniform sampler2D person_depth; uniform mat4 person_light;
uniform mat4 view_projection; uniform mat4 inverse_view_projection; uniform vec3 eye;
uniform float blur; uniform int photograph;
uniform vec4 contacts[8];     // spheres near the floor: centre and radius in metres
layout(location = 0) out vec4 pixel; layout(location = 1) out vec4 label;

void main() {
  vec4 here = texture(place_map, uv);
  vec3 world = here.xyz; float depth = 1.0; float up = 1.0;
  if (photograph == 1) {                 // no scene to stand on: imagine a floor at height zero
    vec4 far = inverse_view_projection * vec4(uv * 2.0 - 1.0, 1.0, 1.0);
    vec3 ray = far.xyz / far.w - eye;
    world = ray.y < -1e-3 ? eye - ray * (eye.y / ray.y) : vec3(0.0, 1e3, 0.0);
  } else {
    vec4 clip = view_projection * vec4(world, 1.0);
    depth = clamp(clip.z / clip.w * 0.5 + 0.5, 0.0, 1.0);
  }
  gl_FragDepth = depth;
  label = vec4(0.0);
  vec4 ambient = textureLod(still_map, uv, blur); vec3 sun = textureLod(direct_map, uv, blur).rgb;
  float open = 1.0;
  if (length(world.xz) < 6.0 && world.y < 3.0) {
    for (int i = 0; i < 8; i++) {
      vec3 d = contacts[i].xyz - world; float r = length(d) + 1e-4;
      float ratio = min(contacts[i].w / r, 1.0);
      open *= 1.0 - 0.75 * ratio * ratio * clamp(d.y / r * 0.5 + 0.5, 0.0, 1.0);
    }
    float lit = sunlit(person_depth, person_light, world + vec3(0.0, 0.004, 0.0), 0.006, 0.003);
    sun *= lit;
    if (photograph == 1) open *= 0.55 + 0.45 * lit;
  }
  pixel = vec4(tone(ambient.rgb * open + sun), 1.0);
}
