// Hair and faces, in the head's own coordinates: half its height is one.
uniform vec4 head;            // centre and half height in metres
uniform vec3 eye_rest;        // the left eye
uniform float mouth_y;
uniform vec3 hair_colour, lip_colour;
uniform int beard, glasses;   // glasses: 0 none, 1 clear, 2 dark

vec3 hair_shade(vec3 c) {
  float long_strands = texture(noise, rest * vec3(4.5, 0.5, 4.5) + seed).r;
  float strands = long_strands * 0.7 + texture(noise, rest * vec3(11.0, 1.0, 11.0)).r * 0.5;
  return c * (0.45 + 0.95 * strands);
}

// Whether hair or hat reaches down to here.
bool under_cap(bool hat, float hair_line, float fine, out float above) {
  vec3 h = (rest - head.xyz) / head.w;
  float edge = (fine - 0.5) * (hat ? 0.0 : 0.28);
  float side = mix(0.0, hair_line, smoothstep(-0.22, 0.1, h.z)) - 0.1;
  float line = h.z > 0.1 ? hair_line + 0.3 * h.z : (h.z > -0.22 ? side : -0.42);
  if (hat) line = hair_line - 0.12 + 0.1 * h.z;
  above = h.y - line;
  return h.y < line + edge;
}

vec3 face(vec3 c, float stubble) {
  vec3 h = (rest - head.xyz) / head.w;
  float frontal = smoothstep(0.1, 0.35, h.z);
  vec2 e = vec2(abs(rest.x) - eye_rest.x, rest.y - eye_rest.y) / head.w;
  c *= mix(1.0, 0.84, frontal * smoothstep(0.32, 0.1, length(e * vec2(0.9, 1.4))));   // sockets
  float cheek = length(vec2(e.x - 0.06, e.y + 0.38));
  c = mix(c, c * vec3(1.08, 0.86, 0.82), 0.5 * frontal * smoothstep(0.3, 0.0, cheek));
  if (frontal > 0.5) {
    float lid = length(e / vec2(0.135, 0.06));
    if (lid < 1.0) c = length(e) < 0.05 ? vec3(0.02, 0.015, 0.012) : vec3(0.62, 0.6, 0.58);
    else if (lid < 1.35 && e.y > 0.0) c *= 0.45;
    float brow = e.y - 0.16 + 0.7 * e.x * e.x - 0.05 * e.x;
    if (abs(e.x) < 0.19 && abs(brow) < 0.03) c = mix(c, hair_colour, 0.75);
    vec2 m = vec2(rest.x, rest.y - mouth_y) / head.w;
    m.y += 0.25 * m.x * m.x;
    float lips = length(m / vec2(0.23, 0.075));
    c = mix(c, lip_colour, 0.75 * smoothstep(1.05, 0.85, lips));
    if (lips < 1.0 && abs(m.y) < 0.012) c *= 0.45;
    if (glasses > 0 && abs(e.y) < 0.16 && abs(e.x) < 0.24) {
      if (glasses == 2) c = vec3(0.015);
      else if (abs(e.y) > 0.13 || abs(e.x) > 0.2) c = vec3(0.03);
    }
  }
  bool temple = abs(rest.y - eye_rest.y - 0.05 * head.w) < 0.03 * head.w && h.z > -0.15 && abs(h.x) > 0.5;
  if (glasses > 0 && temple) c = vec3(0.03);
  if (beard == 1) {
    float chin = smoothstep(0.06, -0.04, (rest.y - mouth_y) / head.w - 0.12 + 0.25 * abs(h.x));
    float jaw = chin * smoothstep(-0.1, 0.15, h.z);
    c = mix(c, hair_colour * (0.5 + stubble), 0.8 * jaw * smoothstep(0.25, 0.5, stubble + 0.2));
  }
  return c;
}
