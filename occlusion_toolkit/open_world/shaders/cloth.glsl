// Patterns of cloth. Index 0 is the upper garment, 1 the lower, 2 the skirt.
uniform int pattern[3];
uniform float pattern_scale[3];
uniform vec3 main_colour[3];
uniform vec3 second_colour[3];
uniform float wrinkles;

// Distance along the garment: down the trunk and, on sleeves, along the arm.
vec3 cloth_coordinates() {
  float ax = abs(rest.x);
  if (rest.y > hip_y && ax > shoulder_x * 1.15) return vec3(rest.y * 0.9, neck_y - 0.1 - (ax - shoulder_x), rest.z);
  return rest;
}

vec3 patterned(int k, float fine) {
  vec3 a = main_colour[k], b = second_colour[k], p = cloth_coordinates();
  float f = pattern_scale[k];
  int kind = pattern[k];
  vec2 print = (rest.xy - vec2(0.0, mix(hip_y, neck_y, 0.62))) / vec2(0.11, 0.09);
  vec4 art = texture(noise, kind == 11 ? vec3(print * 0.3 + seed, seed) : rest * f * 0.055 + seed);
  vec2 cell = fract(p.xy * f);
  float t = 0.0;
  vec3 third = b;
  if (kind == 1) t = step(0.5, cell.y);                                        // hoops
  else if (kind == 2) t = step(0.5, cell.x);                                   // stripes
  else if (kind == 3) t = 0.5 * step(0.6, cell.y) + 0.5 * step(0.6, cell.x);   // checks
  else if (kind == 4) t = smoothstep(0.47, 0.53, art.r);                       // camouflage
  else if (kind == 5) {                                                        // dots
    vec2 q = fract(vec2(p.x * f + 0.5 * step(1.0, mod(p.y * f, 2.0)), p.y * f)) - 0.5;
    t = step(length(q), 0.27);
  } else if (kind == 6) t = smoothstep(-0.15, 0.15, p.y - hip_y - 0.25);       // two-tone
  else if (kind == 7) t = step(abs(p.y - (hip_y + 0.32)), 0.05);               // chest band
  else if (kind == 8) {                                                        // print all over
    t = smoothstep(0.48, 0.5, art.g);
    third = mix(b, a.brg, smoothstep(0.56, 0.58, art.b));
  } else if (kind == 9) t = step(0.72, cell.y) * (1.0 - 0.5 * step(0.8, cell.y));   // thin hoops
  else if (kind == 10) {                                                       // diagonal lattice
    t = min(step(0.86, fract((p.x + p.y) * f)) + step(0.86, fract((p.x - p.y) * f)), 1.0);
  } else if (kind == 11) {                                                     // a picture on the chest
    t = step(chest_z + 0.01, rest.z) * step(length(print), 0.98);
    third = mix(b, vec3(1.0) - b.gbr, smoothstep(0.45, 0.5, art.r));
  }
  return mix(a, third, t) * (0.9 + 0.22 * fine);
}

// Darkens the hollows of folds and turns the normal with them.
vec3 folded(vec3 base, float bump, inout vec3 n) {
  vec4 folds = texture(noise, rest * vec3(0.62, 0.38, 0.62) + seed * 5.0);
  vec4 creases = texture(noise, rest * vec3(1.7, 1.1, 1.7) + seed);
  n = normalize(n - wrinkles * bump * (2.2 * (folds.gba - 0.5) + 1.1 * (creases.gba - 0.5)));
  return base * (0.84 + 0.32 * folds.r);
}
