// Where garments begin and end, by the place of a point in the T-pose (metres). A margin widens a cut.
in vec3 rest;
uniform float hip_y, neck_y, sole_y, shoulder_x, wrist_x, chest_z;
uniform int opened;           // 0 closed, 1 an open jacket, 2 a row of buttons
uniform float sleeve_end, upper_hem, neckline, neckline_drop, leg_end, belt_y, opening;

bool in_upper(float margin) {
  float ax = abs(rest.x);
  if (rest.y < upper_hem - margin) return false;
  float edge = neck_y + neckline - 0.12 * ax;
  if (rest.z > chest_z + 0.01) edge -= max(0.0, neckline_drop - ax * 1.3);
  if (ax < shoulder_x * 0.8 && rest.y > edge + margin) return false;
  if (ax > shoulder_x) return (ax - shoulder_x) / (wrist_x - shoulder_x) < sleeve_end + 2.0 * margin;
  return true;
}

bool in_lower(float margin) {
  return rest.y < belt_y + margin && rest.y > leg_end - margin && abs(rest.x) < shoulder_x * 1.7;
}

// An open jacket shows the shirt below it.
bool in_opening(float margin) {
  float half_width = opening * (0.4 + 0.6 * smoothstep(neck_y, hip_y, rest.y)) - margin;
  return opened == 1 && rest.z > chest_z + 0.01 && abs(rest.x) < half_width && abs(rest.x) < shoulder_x;
}
