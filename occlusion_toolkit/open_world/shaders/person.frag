// A clothed person. Garments are cut out of body shells by the place of a point in the T-pose.
// Compiled once per LAYER (0 skin, 1 upper, 2 lower, 3 skirt, 4 cap of hair or hat, 5 long hair, 6 shoes, 7 seat):
// a software rasteriser runs every branch of a shader, so what a layer does not need must not be compiled in.
in vec3 world; in vec3 normal; in float openness; flat in float part;
uniform vec3 eye;
uniform sampler2D person_depth; uniform mat4 person_light;
uniform float knee_y;
uniform int has_upper, has_lower, is_hat;
uniform float skirt_hem, shoe_top, sock_top, hair_line;
uniform vec3 skin_colour, shoe_colour, sole_colour, hat_colour, sock_colour, seat_colour, seat_second;
layout(location = 0) out vec4 pixel; layout(location = 1) out vec4 label;

void main() {
  vec3 base = vec3(0.5), n = normalize(normal);
  float gloss = 0.03, sharp = 18.0, bump = 0.0;
  bool cloth = false;           // seen from both sides
  float fine = texture(noise, rest * 4.7 + seed).r;
#if LAYER == 0
  if (has_upper == 1 && in_upper(-0.014) && !in_opening(-0.02)) discard;
  if (has_lower == 1 && in_lower(-0.014)) discard;
  if (shoe_top > sole_y && rest.y < shoe_top - 0.012) discard;
  base = skin_colour * (0.93 + 0.14 * fine);
  if (rest.y > neck_y + 0.02 && abs(rest.x) < shoulder_x) { base = face(base, fine); gloss = 0.04; }
  if (rest.y < sock_top) { base = sock_colour * (0.85 + 0.3 * step(0.5, fract(rest.y * 90.0)) * 0.3); gloss = 0.01; }
  if (opened == 1 && in_upper(-0.014)) { base = second_colour[0]; gloss = 0.01; }
  if (abs(rest.x) > wrist_x) base = mix(base, base * vec3(1.05, 0.88, 0.85), 0.4);
#elif LAYER == 1
  if (!in_upper(0.0) || in_opening(0.0)) discard;
  base = patterned(0, fine); bump = 1.0; cloth = true;
  float ax = abs(rest.x);
  float cuff = ax > shoulder_x ? sleeve_end - (ax - shoulder_x) / (wrist_x - shoulder_x) : 1.0;
  if (cuff < 0.05 || rest.y < upper_hem + 0.018) base *= 0.82;
  if (cuff < 0.008 || rest.y < upper_hem + 0.003) base *= 0.6;
  if (opened == 2 && ax < 0.02 && rest.z > chest_z + 0.01) {   // the edges of the placket, and buttons
    base *= ax < 0.004 || ax > 0.018 ? 0.6 : 1.0;
    if (ax < 0.007 && fract(rest.y * 11.0) < 0.12) base = vec3(0.7);
  }
  if (rest.y > neck_y + neckline - 0.03 && ax < shoulder_x * 0.8) base *= 0.85;
#elif LAYER == 2
  if (!in_lower(0.0)) discard;
  base = patterned(1, fine); bump = 0.8; cloth = true;
  float worn = smoothstep(0.09, 0.02, abs(abs(rest.x) - 0.11)) * smoothstep(knee_y - 0.15, hip_y, rest.y);
  base *= 1.0 + 0.25 * (worn * step(0.0, rest.z));
  if (rest.y > belt_y - 0.04) base = mix(base, second_colour[1] * 0.5, step(0.5, fract(seed * 7.0)));
  if (rest.y < leg_end + 0.012) base *= 0.75;
#elif LAYER == 3
  if (rest.y < skirt_hem || rest.y > belt_y + 0.02) discard;
  base = patterned(2, fine); bump = 1.1; cloth = true;
  base *= 0.85 + 0.15 * sin(atan(rest.x, rest.z + 0.02) * 26.0);   // pleats
  if (rest.y < skirt_hem + 0.012) base *= 0.75;
#elif LAYER == 4
  float above;
  if (under_cap(is_hat == 1, hair_line, fine, above)) discard;
  if (is_hat == 1) {
    base = hat_colour * (0.85 + 0.2 * fine); cloth = true;
    if (above < 0.09) base *= 0.7;
  } else { base = hair_shade(hair_colour); gloss = 0.1; sharp = 26.0; }
#elif LAYER == 5
  vec3 h = (rest - head.xyz) / head.w;
  if (h.z > 0.15 && abs(h.x) < 0.72 && h.y < 0.72) discard;        // the face stays free
  base = hair_shade(hair_colour); gloss = 0.1; sharp = 26.0; cloth = true;
#elif LAYER == 6
  if (rest.y > shoe_top) discard;
  base = shoe_colour * (0.88 + 0.2 * fine); gloss = 0.12; sharp = 30.0;
  float height = rest.y - sole_y;
  bool on_lace = n.y > 0.3 && height > 0.04 && abs(fract(rest.z * 48.0) - 0.5) < 0.18;
  if (height < 0.022) base = sole_colour;
  else if (on_lace && fract(seed * 3.0) < 0.6) base = mix(base, sole_colour, 0.7);
  else if (abs(height - 0.026) < 0.004) base *= 0.6;
#else
  base = mix(seat_colour, seat_second, texture(noise, rest * vec3(0.3, 1.4, 1.4)).r) * (0.8 + 0.3 * fine);
  cloth = true;
#endif
  label = vec4(part / 255.0, 0.0, 0.0, 1.0);
  vec3 view = normalize(eye - world);
  bool back = dot(n, view) < -0.15 && !gl_FrontFacing;
  if (back && cloth) { n = -n; base *= 0.6; }
#if LAYER >= 1 && LAYER <= 3
  base = folded(base, bump, n);
#endif
  float lit = sunlit(person_depth, person_light, world + 0.012 * normalize(normal), 0.004, 0.003);
  float facing = max(dot(n, sun_direction), 0.0);
  vec3 ambient = ambient_light(n) * openness;
  vec3 half_way = normalize(view + sun_direction);
  float rim = pow(1.0 - max(dot(n, view), 0.0), 4.0);
  vec3 c = base * (ambient + sun_colour * facing * lit * (0.55 + 0.45 * openness));
  c += gloss * sun_colour * lit * pow(max(dot(n, half_way), 0.0), sharp) + gloss * rim * ambient;
#if LAYER == 0
  // Light that has gone through the skin reddens the edge of the shade.
  vec3 through = skin_colour * vec3(0.1, 0.03, 0.015) * sun_colour * lit;
  c += through * smoothstep(-0.35, 0.3, dot(n, sun_direction)) * (1.0 - facing);
#endif
  pixel = vec4(tone(c), 1.0);
}
