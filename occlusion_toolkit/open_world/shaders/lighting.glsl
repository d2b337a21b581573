// Light shared by people and scenes: one sun, a sky-to-ground gradient, soft shadows, one tone curve.
uniform vec3 sun_direction;   // unit, world frame, towards the sun
uniform vec3 sun_colour;
uniform vec3 sky_colour;
uniform vec3 bounce_colour;
uniform vec3 fill_direction;  // a weak second light: window, lamp or bright wall
uniform vec3 fill_colour;
uniform float exposure;
uniform float seed;           // of the person's own noise
uniform sampler3D noise;      // r: fractal noise in 0..1, gba: its gradient, 0.5 is flat; tiles

vec3 ambient_light(vec3 n) {
  return mix(bounce_colour, sky_colour, n.y * 0.5 + 0.5) + fill_colour * max(dot(n, fill_direction) * 0.6 + 0.4, 0.0);
}

float sunlit(sampler2D depth, mat4 light, vec3 world, float radius, float bias) {
  vec3 p = (light * vec4(world, 1.0)).xyz * 0.5 + 0.5;
  if (any(lessThan(p, vec3(0.0))) || any(greaterThan(p, vec3(1.0)))) return 1.0;
  float lit = 0.0;
  for (int i = 0; i < 4; i++) {
    vec2 offset = vec2(float(i % 2) - 0.5, float(i / 2) - 0.5) * radius;
    lit += step(p.z - bias, texture(depth, p.xy + offset).r);
  }
  return lit * 0.25;
}

// A filmic curve with the display gamma folded in: highlights roll off instead of clipping.
vec3 tone(vec3 radiance) {
  vec3 x = max(radiance * exposure, vec3(0.0));
  return clamp(x / (x + 0.155) * 1.019, 0.0, 1.0);
}
