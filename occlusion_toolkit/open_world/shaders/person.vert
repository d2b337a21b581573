in vec3 in_position; in vec3 in_normal; in vec3 in_rest; in float in_part; in float in_openness;
uniform mat4 view_projection;
out vec3 world; out vec3 normal; out vec3 rest; out float openness; flat out float part;
void main() {
  world = in_position; normal = in_normal; rest = in_rest; openness = in_openness; part = in_part;
  gl_Position = view_projection * vec4(in_position, 1.0);
}
