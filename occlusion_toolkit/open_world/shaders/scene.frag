// Procedural materials of rooms and streets. Writes what the sun does not touch, what it adds, and the place.
in vec3 world; in vec3 normal; in vec3 local;
flat in int kind; flat in vec3 colour; flat in vec3 second; flat in float frequency;
uniform sampler2D scene_depth; uniform mat4 scene_light;
uniform vec3 eye; uniform vec3 horizon_colour; uniform float haze; uniform float clouds;
layout(location = 0) out vec4 still; layout(location = 1) out vec4 direct; layout(location = 2) out vec4 place;

float hash(vec2 p) { return fract(sin(dot(p, vec2(12.9898, 78.233))) * 43758.5453); }

vec2 face_coordinates(vec3 n) {
  vec3 a = abs(n);
  if (a.y > 0.7) return local.xz;
  return a.x > a.z ? local.zy : local.xy;
}

void main() {
  vec3 n = normalize(normal);
  vec3 to_eye = eye - world;
  if (dot(n, to_eye) < 0.0) n = -n;
  vec2 q = face_coordinates(n) * frequency;
  vec3 base = colour; vec3 glow = vec3(0.0);
  float coarse = texture(noise, world * 0.11).r, fine = texture(noise, world * 1.3).r;
  // One more look-up, wherever this material needs it: software rasterisers pay for every branch.
  float row = floor(q.y), along = q.x * 0.22 + hash(vec2(row, 3.0));
  vec3 d = normalize(-to_eye);
  vec3 at = kind == 1 ? vec3(along * 0.9, q.y * 1.7, row * 0.37) : kind == 6 ? local * 1.4
    : kind == 7 ? world * vec3(2.9, 1.0, 2.9) : kind == 8 ? world * 4.3
    : kind == 9 ? local * 0.35 * frequency + second : kind == 11 ? local * vec3(0.25, 1.6, 1.6) * frequency
    : kind == 13 ? vec3(d.xz / (abs(d.y) + 0.35) * 0.35, 0.3) : local * 0.7;
  vec4 own = texture(noise, at);
  if (kind == 0) {                       // plaster, paint
    base *= 0.86 + 0.16 * coarse + 0.12 * fine;
  } else if (kind == 1) {                // planks
    float grain = own.r;
    base = mix(colour, second, hash(vec2(row, floor(along)))) * (0.65 + 0.6 * grain);
    if (fract(q.y) < 0.03 || fract(along) < 0.008) base *= 0.55;
  } else if (kind == 2) {                // tiles
    vec2 cell = floor(q), f = fract(q);
    base = mix(colour, second, mod(cell.x + cell.y, 2.0)) * (0.85 + 0.2 * hash(cell) + 0.15 * fine);
    if (min(f.x, f.y) < 0.03) base *= 0.65;
  } else if (kind == 3) {                // stripes
    base = mix(colour, second, step(0.5, fract(q.x))) * (0.9 + 0.2 * fine);
  } else if (kind == 4) {                // bricks
    vec2 b = q * vec2(0.5, 1.0); b.x += 0.5 * mod(floor(b.y), 2.0);
    vec2 f = fract(b);
    base = mix(colour, second, hash(floor(b))) * (0.7 + 0.5 * fine);
    if (f.x < 0.05 || f.y < 0.1) base = mix(base, vec3(0.45), 0.7);
  } else if (kind == 5) {                // facade with windows
    vec2 cell = floor(q), f = fract(q) - 0.5;
    base *= 0.8 + 0.3 * coarse;
    if (abs(f.x) < 0.3 && abs(f.y) < 0.34) {
      float open = hash(cell + second.xy);
      bool frame = abs(f.x) > 0.26 || abs(f.y) > 0.3 || abs(f.x) < 0.02;
      base = frame ? vec3(0.6) : mix(vec3(0.03, 0.04, 0.05), second, 0.25 * open);
      glow = abs(f.x) < 0.26 && abs(f.y) < 0.3 ? sky_colour * (0.05 + 0.25 * open * (0.5 + f.y)) : vec3(0.0);
    } else if (f.y < -0.36 && f.y > -0.41 && abs(f.x) < 0.34) base *= 1.3;
  } else if (kind == 6) {                // foliage
    float leaves = own.r * 0.75 + fine * 0.35;
    base = mix(colour * 0.25, second, smoothstep(0.35, 0.75, leaves));
    n = normalize(n + 1.6 * (own.gba - 0.5));
  } else if (kind == 7) {                // grass, earth, sand
    float blades = own.r;
    base = mix(colour, second, smoothstep(0.3, 0.7, coarse)) * (0.55 + 0.9 * blades * blades + 0.2 * fine);
  } else if (kind == 8) {                // asphalt, concrete, carpet
    base *= 0.7 + 0.25 * coarse + 0.35 * own.r;
  } else if (kind == 9) {                // a painting or a poster
    base = mix(colour, second, smoothstep(0.42, 0.52, own.r));
    base = mix(base, vec3(1.0) - colour.brg, smoothstep(0.55, 0.6, own.g));
  } else if (kind == 10) {               // a lamp or a bright window
    glow = mix(colour, second, clamp(local.y * frequency + 0.5, 0.0, 1.0)); base = vec3(0.05);
  } else if (kind == 11) {               // wood
    base = mix(colour, second, own.r) * (0.8 + 0.3 * fine);
  } else if (kind == 12) {               // woven cloth
    float weave = 0.5 * step(0.6, fract(q.x)) + 0.5 * step(0.6, fract(q.y));
    base = mix(colour, second, weave) * (0.75 + 0.5 * fine);
    n = normalize(n + 0.5 * (own.gba - 0.5));
  } else if (kind == 13) {               // the sky
    float up = clamp(d.y, 0.0, 1.0);
    vec3 blue = mix(second, colour, pow(up, 0.45));
    float cover = smoothstep(1.0 - clouds, 1.25 - clouds, own.r + 0.25) * smoothstep(0.0, 0.15, d.y);
    glow = mix(blue, vec3(0.85) * dot(blue, vec3(0.5)) + 0.3, cover);
  } else {                               // parquet of books, boxes, shutters: upright slabs of many colours
    float slab = floor(q.x); float tint = hash(vec2(slab, floor(q.y * 0.2)));
    base = mix(colour, second, tint) * (0.5 + 0.8 * hash(vec2(slab, 7.0)));
    if (fract(q.x) < 0.08) base *= 0.4;
  }
  float lit = kind == 13 ? 0.0 : sunlit(scene_depth, scene_light, world + 0.02 * n, 0.002, 0.002);
  vec3 ambient = base * ambient_light(n) + glow;
  vec3 sun = base * sun_colour * max(dot(n, sun_direction), 0.0) * lit;
  if (kind != 13) {
    float fog = 1.0 - exp(-haze * length(to_eye));
    ambient = mix(ambient, horizon_colour, fog); sun *= 1.0 - fog;
  }
  still = vec4(ambient, n.y); direct = vec4(sun, 1.0); place = vec4(world, 1.0);
}
